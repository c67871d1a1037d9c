# Short names for the commands of CONTRIBUTING.md. Nothing needs `just`: each line can be typed.

# What there is
default:
    @just --list

# Everything that must hold; `just test --fast` leaves out what needs servers
test *arguments:
    ./test {{arguments}}

# The demo, made once and carried on with
demo *arguments:
    cargo run --release -- demo {{arguments}}

# The ratios
bench:
    cargo bench

# What holds the house up
house:
    cargo test -p countersign --test house

# Writes the checked-in pictures again; look at the difference before you commit it
accept:
    UPDATE_OPENAPI=1 cargo test -p countersign-web openapi
    UPDATE_ROLES=1 cargo test -p countersign-web roles
    COUNTERSIGN_UPDATE=1 cargo test -p countersign-policy --test matrix
    COUNTERSIGN_UPDATE=1 INSTA_UPDATE=always cargo test --workspace --lib
