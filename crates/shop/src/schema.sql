-- The sample shop's tables. The drawing and the reasons stand in the crate's documentation.
-- Dates are `YYYY-MM-DD`, times RFC 3339 in UTC, money whole cents.

CREATE TABLE category (
    id         INTEGER PRIMARY KEY,
    parent_id  INTEGER REFERENCES category (id),
    name       TEXT NOT NULL UNIQUE
);

CREATE TABLE product (
    id           INTEGER PRIMARY KEY,
    category_id  INTEGER NOT NULL REFERENCES category (id),
    name         TEXT NOT NULL UNIQUE,
    price_cents  INTEGER NOT NULL CHECK (price_cents > 0)
);

CREATE TABLE employee (
    id          INTEGER PRIMARY KEY,
    manager_id  INTEGER REFERENCES employee (id),
    name        TEXT NOT NULL,
    email       TEXT NOT NULL UNIQUE
);

-- E-mail is not unique: some people opened two accounts.
CREATE TABLE customer (
    id                  INTEGER PRIMARY KEY,
    account             TEXT NOT NULL UNIQUE,
    email               TEXT NOT NULL,
    name                TEXT NOT NULL,
    phone               TEXT,
    born_on             TEXT,
    joined_on           TEXT NOT NULL,
    referred_by         INTEGER REFERENCES customer (id),
    default_address_id  INTEGER REFERENCES address (id),
    favourite_order_id  INTEGER REFERENCES orders (id)
);

-- The owner is who typed the address in; who lives there is in customer_address.
CREATE TABLE address (
    id        INTEGER PRIMARY KEY,
    owner_id  INTEGER REFERENCES customer (id),
    street    TEXT NOT NULL,
    postcode  TEXT NOT NULL,
    city      TEXT NOT NULL
);

CREATE TABLE customer_address (
    customer_id  INTEGER NOT NULL REFERENCES customer (id),
    address_id   INTEGER NOT NULL REFERENCES address (id),
    kind         TEXT NOT NULL CHECK (kind IN ('home', 'work')),
    PRIMARY KEY (customer_id, address_id)
) WITHOUT ROWID;

CREATE TABLE orders (
    id               INTEGER PRIMARY KEY,
    customer_id      INTEGER NOT NULL REFERENCES customer (id),
    ship_address_id  INTEGER REFERENCES address (id),
    placed_at        TEXT NOT NULL,
    status           TEXT NOT NULL CHECK (status IN ('open', 'sent', 'returned'))
);

CREATE TABLE order_line (
    order_id     INTEGER NOT NULL REFERENCES orders (id),
    line_no      INTEGER NOT NULL,
    product_id   INTEGER NOT NULL REFERENCES product (id),
    quantity     INTEGER NOT NULL CHECK (quantity > 0),
    price_cents  INTEGER NOT NULL,
    PRIMARY KEY (order_id, line_no)
) WITHOUT ROWID;

CREATE TABLE return_line (
    id        INTEGER PRIMARY KEY,
    order_id  INTEGER NOT NULL,
    line_no   INTEGER NOT NULL,
    reason    TEXT NOT NULL,
    FOREIGN KEY (order_id, line_no) REFERENCES order_line (order_id, line_no)
);

CREATE TABLE payment (
    id            INTEGER PRIMARY KEY,
    order_id      INTEGER NOT NULL REFERENCES orders (id),
    card_token    TEXT NOT NULL,
    amount_cents  INTEGER NOT NULL,
    paid_at       TEXT NOT NULL
);

-- Kept by law for ten years, with name and address as they were: copies, not links.
CREATE TABLE invoice (
    id           INTEGER PRIMARY KEY,
    number       TEXT NOT NULL UNIQUE,
    customer_id  INTEGER REFERENCES customer (id),
    issued_on    TEXT NOT NULL,
    name         TEXT NOT NULL,
    address      TEXT NOT NULL,
    total_cents  INTEGER NOT NULL
);

-- Between two customers: neither's alone.
CREATE TABLE message (
    id            INTEGER PRIMARY KEY,
    sender_id     INTEGER REFERENCES customer (id),
    recipient_id  INTEGER REFERENCES customer (id),
    sent_at       TEXT NOT NULL,
    body          TEXT NOT NULL
);

CREATE TABLE review (
    id           INTEGER PRIMARY KEY,
    customer_id  INTEGER REFERENCES customer (id),
    product_id   INTEGER NOT NULL REFERENCES product (id),
    stars        INTEGER NOT NULL CHECK (stars BETWEEN 1 AND 5),
    body         TEXT NOT NULL
);

CREATE TABLE ticket (
    id           INTEGER PRIMARY KEY,
    customer_id  INTEGER NOT NULL REFERENCES customer (id),
    employee_id  INTEGER REFERENCES employee (id),
    opened_at    TEXT NOT NULL,
    body         TEXT NOT NULL
);

CREATE TABLE visit (
    id           INTEGER PRIMARY KEY,
    customer_id  INTEGER NOT NULL REFERENCES customer (id),
    at           TEXT NOT NULL,
    ip           TEXT NOT NULL
);

-- Linked to a customer by e-mail only.
CREATE TABLE newsletter (
    email          TEXT PRIMARY KEY,
    subscribed_on  TEXT NOT NULL
);

-- `who` is 'customer:42' in newer rows, an e-mail in older ones, 'system' or 'employee:7' in some.
CREATE TABLE event_log (
    id    INTEGER PRIMARY KEY,
    at    TEXT NOT NULL,
    who   TEXT NOT NULL,
    what  TEXT NOT NULL
);

-- What a former shop system left: no keys, no links, many of its people never came along.
CREATE TABLE old_import (
    line_no  INTEGER,
    mail     TEXT,
    person   TEXT,
    tel      TEXT,
    remark   TEXT
);

-- The program's own log; nobody's data, purged by age.
CREATE TABLE app_log (
    id     INTEGER PRIMARY KEY,
    at     TEXT NOT NULL,
    level  TEXT NOT NULL CHECK (level IN ('info', 'warn', 'error')),
    line   TEXT NOT NULL
);
