CREATE TABLE customer (
    id integer PRIMARY KEY,
    email text NOT NULL,
    name text NOT NULL,
    secret text,
    vip boolean,
    referred_by integer,
    home_id integer,
    {key FOREIGN KEY (referred_by) REFERENCES customer (id),}
    {key FOREIGN KEY (home_id) REFERENCES address (id)}
);
CREATE TABLE address (
    id integer PRIMARY KEY,
    owner_id integer,
    street text NOT NULL,
    {key FOREIGN KEY (owner_id) REFERENCES customer (id)}
);
CREATE TABLE lives_at (
    customer_id integer NOT NULL,
    address_id integer NOT NULL,
    PRIMARY KEY (customer_id, address_id),
    {key FOREIGN KEY (customer_id) REFERENCES customer (id),}
    {key FOREIGN KEY (address_id) REFERENCES address (id)}
);
CREATE TABLE "Order" (
    "Id" integer PRIMARY KEY,
    customer_id integer NOT NULL,
    {key FOREIGN KEY (customer_id) REFERENCES customer (id)}
);
CREATE TABLE line (
    order_id integer NOT NULL,
    no integer NOT NULL,
    PRIMARY KEY (order_id, no),
    {key FOREIGN KEY (order_id) REFERENCES "Order" ("Id")}
);
CREATE TABLE returned (
    id integer PRIMARY KEY,
    order_id integer NOT NULL,
    no integer NOT NULL,
    {key FOREIGN KEY (order_id, no) REFERENCES line (order_id, no)}
);
CREATE TABLE invoice (
    id integer PRIMARY KEY,
    customer_id integer,
    name text NOT NULL,
    mail text NOT NULL UNIQUE,
    note text,
    {key FOREIGN KEY (customer_id) REFERENCES customer (id)}
);
CREATE TABLE message (
    id integer PRIMARY KEY,
    sender_id integer,
    recipient_id integer,
    body text NOT NULL,
    {key FOREIGN KEY (sender_id) REFERENCES customer (id),}
    {key FOREIGN KEY (recipient_id) REFERENCES customer (id)}
);
CREATE TABLE attachment (
    id integer PRIMARY KEY,
    message_id integer NOT NULL,
    {key FOREIGN KEY (message_id) REFERENCES message (id)}
);
CREATE TABLE hen (
    id integer PRIMARY KEY,
    egg_id integer NOT NULL,
    customer_id integer NOT NULL,
    {key FOREIGN KEY (egg_id) REFERENCES egg (id),}
    {key FOREIGN KEY (customer_id) REFERENCES customer (id)}
);
CREATE TABLE egg (
    id integer PRIMARY KEY,
    hen_id integer NOT NULL,
    customer_id integer NOT NULL,
    {key FOREIGN KEY (hen_id) REFERENCES hen (id),}
    {key FOREIGN KEY (customer_id) REFERENCES customer (id)}
);
CREATE TABLE subscriber (
    mail text,
    since text
);
CREATE TABLE event_log (
    id integer PRIMARY KEY,
    who text
);
CREATE TABLE app_log (
    id integer PRIMARY KEY,
    at text NOT NULL
);
CREATE INDEX order_by_customer ON "Order" (customer_id);
CREATE INDEX invoice_by_customer ON invoice (customer_id);
-- rows
INSERT INTO customer (id, email, name, secret, vip, referred_by, home_id) VALUES
    (1, 'Ana@example.test', 'Ana', 'hash-1', true, NULL, 1),
    (2, 'ben@example.test', 'Ben', 'hash-2', false, 1, 1),
    (3, 'cleo@example.test', 'Cleo', 'hash-3', NULL, 2, 3),
    (4, 'twin@example.test', 'Dan', NULL, NULL, NULL, NULL),
    (5, 'twin@example.test', 'Dan again', NULL, NULL, 4, NULL),
    (6, '', 'Nobody', NULL, NULL, NULL, NULL);
-- Address 1 is Ana's and Ben's, typed in by Ana; 2 is Ana's alone; 3 is Cleo's.
INSERT INTO address VALUES (1, 1, 'Shared Street 1'), (2, 1, 'Ana Street 2'), (3, 3, 'Cleo Street 3');
INSERT INTO lives_at VALUES (1, 1), (2, 1), (1, 2), (3, 3);
INSERT INTO "Order" VALUES (10, 1), (11, 1), (20, 2);
INSERT INTO line VALUES (10, 1), (10, 2), (11, 1), (20, 1);
INSERT INTO returned VALUES (1, 10, 2), (2, 20, 1);
INSERT INTO invoice VALUES (1, 1, 'Ana', 'ana-1@example.test', 'x'), (2, 1, 'Ana', 'ana-2@example.test', NULL),
    (3, 2, 'Ben', 'ben@example.test', 'y'), (4, NULL, 'Orphan', 'gone@example.test', NULL);
INSERT INTO message VALUES (1, 1, 2, 'Ana to Ben'), (2, 2, 1, 'Ben to Ana'), (3, 1, 1, 'Ana to herself'),
    (4, 2, 3, 'Ben to Cleo'), (5, NULL, 1, 'somebody gone to Ana');
INSERT INTO attachment VALUES (1, 1), (3, 3), (4, 4), (5, 5);
INSERT INTO hen VALUES (1, 1, 1), (2, 2, 2);
INSERT INTO egg VALUES (1, 1, 1), (2, 2, 2);
INSERT INTO subscriber VALUES ('ana@example.test', '2020'), ('ANA@example.test', '2021'), ('twin@example.test', '2022'),
    ('', '2023'), (NULL, '2024'), ('gone@example.test', '2025');
INSERT INTO event_log VALUES (1, 'customer:1'), (2, 'customer:11'), (3, 'customer:2'), (4, 'system'), (5, 'customer:'),
    (6, NULL);
INSERT INTO app_log VALUES (1, '2026-01-01T00:00:00Z'), (2, '2026-06-30 23:59:59'), (3, '2026-07-01T00:30:00+02:00'),
    (4, '2026-07-01T00:00:00Z'), (5, '2026-07-01T00:00:00.001Z'), (6, 'yesterday'), (7, '2026-12-31T00:00:00Z');
