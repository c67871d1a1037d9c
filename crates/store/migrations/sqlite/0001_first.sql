-- The first schema. Times are milliseconds since 1970 UTC; ids of requests are 16 bytes.
-- No gauge table here: the one write connection is the lock that a gauge row is in PostgreSQL.

create table request (
    id           blob    not null primary key check (length(id) = 16),
    version      integer not null check (version >= 1),
    status       text    not null check (status in ('waiting', 'released', 'running', 'stuck', 'completed',
                                                    'denied', 'withdrawn', 'expired', 'abandoned')),
    action       text    not null check (action <> ''),
    channel      text    not null,
    submitted_at integer not null,
    due_at       integer,
    expires_at   integer,
    started_at   integer,
    changed_at   integer not null
) strict, without rowid;

-- Lists by state, in order; several states are merged from their ends, so no list sorts what it does not show.
create index request_by_status on request (status, submitted_at, id);
create index request_by_action on request (action, status, submitted_at, id);
create index request_expiring  on request (expires_at, id)        where expires_at is not null;
create index request_holding   on request (action, id)            where status in ('released', 'running', 'stuck');
create index request_started   on request (started_at, action, id) where started_at is not null;

create trigger request_keeps_what_was_asked before update of id, action, channel, submitted_at on request
begin select raise(abort, 'what a request asks for never changes'); end;
create trigger request_is_kept before delete on request
begin select raise(abort, 'a request is never deleted'); end;

create table event (
    request blob    not null references request (id),
    seq     integer not null check (seq >= 1),
    at      integer not null,
    kind    text    not null check (kind <> ''),
    form    integer not null check (form >= 0),
    leaf    integer not null check (leaf >= 0),
    body    blob    not null,
    primary key (request, seq)
) strict, without rowid;

create unique index event_by_leaf on event (leaf);

create trigger event_is_append_only_1 before update on event
begin select raise(abort, 'events are append only'); end;
create trigger event_is_append_only_2 before delete on event
begin select raise(abort, 'events are append only'); end;

-- The time of submission stands in the key, so that what a term finds comes in the order of lists.
create table request_term (
    name         text    not null check (name <> ''),
    value        blob    not null,
    submitted_at integer not null,
    request      blob    not null,
    primary key (name, value, submitted_at, request)
) strict, without rowid;

create index request_term_of on request_term (request, name);

create table record (
    kind       text    not null check (kind <> ''),
    id         text    not null,
    version    integer not null check (version >= 1),
    expires_at integer,
    body       blob    not null,
    primary key (kind, id)
) strict, without rowid;

create index record_expiring on record (expires_at) where expires_at is not null;

create table record_term (
    kind  text not null,
    name  text not null check (name <> ''),
    value blob not null,
    id    text not null,
    primary key (kind, name, value, id)
) strict, without rowid;

create index record_term_of on record_term (kind, id);

-- A request's data key, wrapped, and its sealed fields.
-- `secure_delete` overwrites what is deleted, but when SQLite moves rows between pages, copies stay behind in the
-- unused part of the old page (tests/file.rs found them). So these rows are never moved: they are appended by a
-- rising rowid, which only ever starts new pages, and to destroy or replace one is to empty it where it stands.
create table dek (
    id      integer primary key,
    request blob unique check (length(request) = 16),
    epoch   integer check (epoch >= 0),
    wrapped blob,
    check ((request is null) = (wrapped is null) and (request is null) = (epoch is null))
) strict;

create table sealed (
    id      integer primary key,
    request blob check (length(request) = 16),
    field   text check (field <> ''),
    sealed  blob,
    unique (request, field),
    check ((request is null) = (sealed is null) and (request is null) = (field is null))
) strict;

create trigger dek_is_emptied_not_rewritten before update on dek when new.request is not null
begin select raise(abort, 'a key is emptied where it stands, never rewritten'); end;
create trigger dek_is_emptied_not_deleted before delete on dek
begin select raise(abort, 'a key is emptied where it stands, never deleted'); end;
create trigger sealed_is_emptied_not_rewritten before update on sealed when new.request is not null
begin select raise(abort, 'a sealed field is emptied where it stands, never rewritten'); end;
create trigger sealed_is_emptied_not_deleted before delete on sealed
begin select raise(abort, 'a sealed field is emptied where it stands, never deleted'); end;

-- `generation` counts wishes, `claimed` is the generation that the lease took; they differ when it was wished
-- again meanwhile. Ids are never used twice, so that no old fence fits a new job.
create table job (
    id          integer primary key autoincrement,
    kind        text    not null check (kind <> ''),
    key         text    not null,
    body        blob    not null,
    run_at      integer not null,
    attempts    integer not null default 0 check (attempts >= 0),
    generation  integer not null default 1 check (generation >= 1),
    claimed     integer not null default 0 check (claimed between 0 and generation),
    fence       integer not null default 0 check (fence >= 0),
    lease_until integer,
    ready_at    integer not null generated always as (coalesce(lease_until, run_at)) virtual,
    unique (kind, key)
) strict;

create index job_ready on job (ready_at, id);

create table settings (
    version integer not null primary key check (version >= 1),
    at      integer not null,
    body    blob    not null
) strict;

create trigger settings_are_kept_1 before update on settings
begin select raise(abort, 'a version of the settings never changes'); end;
create trigger settings_are_kept_2 before delete on settings
begin select raise(abort, 'a version of the settings is never deleted'); end;

-- The ledger.
create table log_entry (
    seq  integer not null primary key check (seq >= 0),
    body blob    not null check (length(body) <= 65535)
) strict;

create trigger log_entry_is_append_only_1 before update on log_entry
begin select raise(abort, 'the ledger is append only'); end;
create trigger log_entry_is_append_only_2 before delete on log_entry
begin select raise(abort, 'the ledger is append only'); end;

-- Rows of the right edge are rewritten in place, and only grow.
create table log_tile (
    level integer not null check (level between 0 and 63),
    n     integer not null check (n >= 0),
    data  blob    not null check (length(data) between 32 and 8192 and length(data) % 32 = 0),
    primary key (level, n)
) strict;

create trigger log_tile_only_grows before update on log_tile
when new.level is not old.level or new.n is not old.n or substr(new.data, 1, length(old.data)) is not old.data
begin select raise(abort, 'a tile only grows'); end;
create trigger log_tile_is_kept before delete on log_tile
begin select raise(abort, 'a tile is never deleted'); end;

create table log_head (
    one  integer not null primary key default 1 check (one = 1),
    size integer not null check (size >= 0),
    root blob    not null check (length(root) = 32)
) strict;

-- SHA-256 of nothing: the root of the empty tree.
insert into log_head (size, root) values (0, x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');

create trigger log_head_only_grows before update on log_head when new.size < old.size
begin select raise(abort, 'the ledger only grows'); end;
create trigger log_head_is_kept before delete on log_head
begin select raise(abort, 'the ledger has one head'); end;

create table log_checkpoint (
    size integer not null primary key check (size >= 0),
    note blob    not null
) strict;

create trigger log_checkpoint_is_kept_1 before update on log_checkpoint
begin select raise(abort, 'a checkpoint is never rewritten'); end;
create trigger log_checkpoint_is_kept_2 before delete on log_checkpoint
begin select raise(abort, 'a checkpoint is never deleted'); end;
