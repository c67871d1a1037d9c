-- The source of the chaos: customers with their orders, and a count of what happens to them, kept by the database
-- itself. Above number :docile the database refuses to let them go in the first run.
CREATE TABLE customer (
    id       bigint PRIMARY KEY,
    account  text NOT NULL UNIQUE,
    email    text UNIQUE,
    name     text
);
CREATE TABLE orders (
    id           bigint PRIMARY KEY,
    customer_id  bigint NOT NULL REFERENCES customer (id),
    what         text NOT NULL
);
CREATE INDEX orders_by_customer ON orders (customer_id);
INSERT INTO customer
SELECT n, 'A-' || n, 'customer.' || n || '@example.test', 'Customer ' || n FROM generate_series(1, :customers) n;
INSERT INTO orders SELECT n, (n + 1) / 2, 'order ' || n FROM generate_series(1, 2 * :customers) n;

-- Every erasure, however few rows it finds, and every customer that is cleared. These have no key: what is done twice stands
-- here twice. A row that has its values already is not written again, so that rows alone would hide it.
CREATE TABLE erasure (at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE gone (customer bigint NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());

-- How many erasing transactions were open at once, seen by each from within. A shared advisory lock is held until its
-- transaction ends, and everybody sees it: of those that are open together, the last to come sees all.
CREATE TABLE at_once (erasures bigint NOT NULL);
CREATE FUNCTION enter() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7, pg_backend_pid());
    INSERT INTO at_once
    SELECT count(DISTINCT pid) FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND classid = 7 AND granted;
    PERFORM pg_sleep(0.02);
    RETURN NULL;
END $$;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    INSERT INTO erasure DEFAULT VALUES;
    RETURN NULL;
END $$;
CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    INSERT INTO gone (customer) VALUES (OLD.id);
    RETURN NEW;
END $$;
CREATE TRIGGER enter BEFORE DELETE ON orders FOR EACH STATEMENT EXECUTE FUNCTION enter();
CREATE TRIGGER enter BEFORE UPDATE ON customer FOR EACH STATEMENT EXECUTE FUNCTION enter();
CREATE TRIGGER tell BEFORE UPDATE ON customer FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER leave BEFORE UPDATE ON customer FOR EACH ROW EXECUTE FUNCTION leave();

-- In the first run the database refuses to let a stubborn customer go. Which run it is says the receipt, which is the
-- first that the transaction wrote.
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    IF EXISTS (SELECT FROM countersign_receipt WHERE run = 1 AND xmin = pg_current_xact_id()::xid) THEN
        RAISE EXCEPTION 'not now' USING ERRCODE = 'P0001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON customer FOR EACH ROW WHEN (OLD.id > :docile) EXECUTE FUNCTION refuse();

-- One role a node, so that its sessions can be told from those of others.
CREATE ROLE node_0 SUPERUSER LOGIN;
CREATE ROLE node_1 SUPERUSER LOGIN;
CREATE ROLE node_2 SUPERUSER LOGIN;
