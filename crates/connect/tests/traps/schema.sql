CREATE SCHEMA crm;
CREATE SCHEMA "Odd ""name"".x";
CREATE TYPE mood AS ENUM ('gone', 'calm', 'loud');
CREATE TYPE crm.spot AS (x integer, y integer);
CREATE DOMAIN mail AS text CHECK (VALUE LIKE '%@%');

-- Two columns name a person, one of them padded with blanks; the row needs a home, and the home needs its owner.
CREATE TABLE person (
    tenant char(3) NOT NULL,
    id bigint NOT NULL,
    email mail NOT NULL UNIQUE,
    mood mood NOT NULL,
    tags text[] NOT NULL,
    prefs jsonb NOT NULL,
    doc json,
    label text GENERATED ALWAYS AS (upper(email::text)) STORED,
    serial bigint GENERATED ALWAYS AS IDENTITY,
    spot crm.spot,
    at_home tstzrange,
    home_id bigint NOT NULL,
    boss_tenant char(3),
    boss_id bigint,
    PRIMARY KEY (tenant, id)
);
CREATE TABLE crm.home (
    id bigint PRIMARY KEY,
    tenant char(3) NOT NULL,
    owner bigint NOT NULL,
    street text NOT NULL
);

-- Parts of parts, a default one, and a key that only one part has.
CREATE TABLE device (id bigint PRIMARY KEY, tenant char(3) NOT NULL, person bigint NOT NULL, serial text);
CREATE TABLE visit (
    id bigint NOT NULL,
    at timestamptz NOT NULL,
    tenant char(3) NOT NULL,
    person bigint NOT NULL,
    device_id bigint,
    what text,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE TABLE visit_2025 PARTITION OF visit FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE visit_2026 (LIKE visit INCLUDING ALL) PARTITION BY HASH (id);
CREATE TABLE visit_2026_even PARTITION OF visit_2026 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE visit_2026_odd PARTITION OF visit_2026 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
ALTER TABLE visit ATTACH PARTITION visit_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE visit_rest PARTITION OF visit DEFAULT;
CREATE TABLE visit_page (visit_id bigint NOT NULL, visit_at timestamptz NOT NULL, page text, n integer);

-- A ring of three pointers that may not be NULL and do not wait.
CREATE TABLE crm.ring_a (id bigint PRIMARY KEY, next bigint NOT NULL, tenant char(3) NOT NULL, person bigint NOT NULL, what text);
CREATE TABLE crm.ring_b (id bigint PRIMARY KEY, next bigint NOT NULL, what text);
CREATE TABLE crm.ring_c (id bigint PRIMARY KEY, next bigint NOT NULL, what text);

-- Rows of one table live in another one, under the same numbers.
CREATE TABLE gadget (id bigint PRIMARY KEY, tenant char(3) NOT NULL, person bigint NOT NULL, what text);
CREATE TABLE gizmo (extra text, PRIMARY KEY (id)) INHERITS (gadget);

-- Names that need quotes in every place.
CREATE TABLE "Odd ""name"".x"."Tab""le" ("Id.x" bigint PRIMARY KEY, "Te""nant" char(3) NOT NULL, "Per son" bigint NOT NULL, what text);

-- Two ends, and an attachment of it; nothing of it has an index.
CREATE TABLE letter (
    id bigint PRIMARY KEY,
    from_tenant char(3), from_id bigint,
    to_tenant char(3), to_id bigint,
    body text
);
CREATE TABLE scan (letter_id bigint NOT NULL, page integer NOT NULL, bytes bytea, PRIMARY KEY (letter_id, page));

-- What the law wants kept, with types that a cleared value has to fit.
CREATE TABLE bill (
    id uuid PRIMARY KEY,
    tenant char(3), person bigint,
    name varchar(6) NOT NULL,
    tags text[] NOT NULL,
    prefs jsonb NOT NULL,
    doc json NOT NULL,
    mood mood NOT NULL,
    born date NOT NULL,
    amount numeric(8, 2) NOT NULL,
    total numeric GENERATED ALWAYS AS (amount * 2) STORED
);

-- No key of any kind, and no pointer.
CREATE TABLE mention (who text, what text);

ALTER TABLE person ADD FOREIGN KEY (home_id) REFERENCES crm.home (id) DEFERRABLE INITIALLY IMMEDIATE;
ALTER TABLE person ADD FOREIGN KEY (boss_tenant, boss_id) REFERENCES person (tenant, id);

INSERT INTO crm.home VALUES (1, 'a', 1, '~ana~ 1'), (2, 'a', 2, '~ben~ 2'), (3, 'b', 1, '~cleo~ 3'), (4, 'b', 9, '~dan~ 4');
INSERT INTO person (tenant, id, email, mood, tags, prefs, doc, spot, at_home, home_id, boss_tenant, boss_id) VALUES
    ('a', 1, 'ana@x', 'calm', '{"~ana~",b}', '{"n": "~ana~"}', '{"n": "~ana~"}', '(1,2)', '[2026-01-01,2026-02-01)', 1, NULL, NULL),
    ('a', 2, 'ben@x', 'loud', '{"~ben~"}', '{"n": "~ben~"}', NULL, NULL, NULL, 2, 'a', 1),
    ('b', 1, 'cleo@x', 'calm', '{"~cleo~"}', '{"n": "~cleo~"}', NULL, NULL, NULL, 3, 'a', 1),
    ('b', 9, 'dan@x', 'calm', '{"~dan~"}', '{"n": "~dan~"}', NULL, NULL, NULL, 4, 'b', 1);
ALTER TABLE crm.home ADD FOREIGN KEY (tenant, owner) REFERENCES person (tenant, id);

INSERT INTO device VALUES (1, 'a', 1, '~ana~'), (2, 'a', 2, '~ben~'), (3, 'b', 9, '~dan~');
INSERT INTO visit VALUES
    (1, '2025-05-01', 'a', 1, 1, '~ana~'), (1, '2026-05-01', 'a', 1, 1, '~ana~'), (2, '2026-05-01', 'b', 1, NULL, '~cleo~'),
    (2, '2025-05-01', 'a', 2, 2, '~ben~'), (3, '1999-01-01', 'a', 2, NULL, '~ben~'), (4, '2025-05-01', 'b', 9, 1, '~dan~');
INSERT INTO visit_page VALUES (1, '2025-05-01', '~ana~', 1), (1, '2025-05-01', '~ana~', 2), (1, '2026-05-01', '~ana~', 1),
    (2, '2026-05-01', '~cleo~', 1), (2, '2025-05-01', '~ben~', 1), (4, '2025-05-01', '~dan~', 1);
INSERT INTO crm.ring_a VALUES (1, 11, 'a', 1, '~ana~'), (2, 12, 'a', 2, '~ben~'), (3, 13, 'b', 1, '~cleo~');
INSERT INTO crm.ring_b VALUES (11, 21, '~ana~'), (12, 22, '~ben~'), (13, 23, '~cleo~');
INSERT INTO crm.ring_c VALUES (21, 1, '~ana~'), (22, 2, '~ben~'), (23, 3, '~cleo~');
INSERT INTO gadget VALUES (1, 'a', 1, '~ana~'), (2, 'a', 2, '~ben~'), (3, 'b', 9, '~dan~');
INSERT INTO gizmo VALUES (1, 'a', 2, '~ben~', 'x'), (2, 'a', 1, '~ana~', 'y'), (3, 'b', 1, '~cleo~', 'z');
INSERT INTO "Odd ""name"".x"."Tab""le" VALUES (1, 'a', 1, '~ana~'), (2, 'b', 1, '~cleo~'), (3, 'b', 9, '~dan~');
INSERT INTO letter VALUES (1, 'a', 1, 'a', 2, 'to ben'), (2, 'a', 2, 'b', 1, 'to cleo'), (3, 'b', 1, 'a', 1, 'to ana'),
    (4, 'b', 9, 'a', 2, 'to ben, ~dan~'), (5, 'a', 1, 'a', 1, '~ana~ alone');
INSERT INTO scan VALUES (1, 1, '\x00'), (2, 1, '\x01'), (3, 1, '\x02'), (4, 1, '\x03'), (5, 1, '\x04');
INSERT INTO bill VALUES
    ('00000000-0000-0000-0000-000000000001', 'a', 1, '~ana~', '{"~ana~"}', '{"n": "~ana~"}', '["~ana~"]', 'loud', '1980-02-03', 1),
    ('00000000-0000-0000-0000-000000000002', 'a', 2, '~ben~', '{"~ben~"}', '{"n": "~ben~"}', '["~ben~"]', 'loud', '1981-02-03', 2),
    ('00000000-0000-0000-0000-000000000003', 'b', 9, '~dan~', '{"~dan~"}', '{"n": "~dan~"}', '["~dan~"]', 'loud', '1982-02-03', 3);
INSERT INTO mention VALUES ('a/1', '~ana~'), ('a/2', '~ben~'), ('b/1', '~cleo~'), ('a/11', '~dan~'), ('', '~dan~'), (NULL, '~dan~');

ALTER TABLE device ADD FOREIGN KEY (tenant, person) REFERENCES person (tenant, id);
ALTER TABLE visit ADD FOREIGN KEY (tenant, person) REFERENCES person (tenant, id);
ALTER TABLE visit_2025 ADD FOREIGN KEY (device_id) REFERENCES device (id);
ALTER TABLE visit_page ADD FOREIGN KEY (visit_id, visit_at) REFERENCES visit (id, at);
ALTER TABLE crm.ring_a ADD FOREIGN KEY (next) REFERENCES crm.ring_b (id);
ALTER TABLE crm.ring_a ADD FOREIGN KEY (tenant, person) REFERENCES person (tenant, id);
ALTER TABLE crm.ring_b ADD FOREIGN KEY (next) REFERENCES crm.ring_c (id);
ALTER TABLE crm.ring_c ADD FOREIGN KEY (next) REFERENCES crm.ring_a (id);
ALTER TABLE gadget ADD FOREIGN KEY (tenant, person) REFERENCES person (tenant, id);
ALTER TABLE gizmo ADD FOREIGN KEY (tenant, person) REFERENCES person (tenant, id);
ALTER TABLE "Odd ""name"".x"."Tab""le" ADD FOREIGN KEY ("Te""nant", "Per son") REFERENCES person (tenant, id);
ALTER TABLE letter ADD FOREIGN KEY (from_tenant, from_id) REFERENCES person (tenant, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE letter ADD FOREIGN KEY (to_tenant, to_id) REFERENCES person (tenant, id) MATCH FULL;
ALTER TABLE scan ADD FOREIGN KEY (letter_id) REFERENCES letter (id) ON DELETE RESTRICT;
ALTER TABLE bill ADD FOREIGN KEY (tenant, person) REFERENCES person (tenant, id) ON DELETE SET NULL;
