//! A person with orders, and the lines of these, for tests of what is done to them.
#![allow(clippy::unwrap_used)]

use countersign_service::settings::datamap::DataMap;

use crate::catalog::{Catalog, Column, ForeignKey, Kind, OnDelete, Table};

pub(crate) const DELETE: &str = "treatment = \"delete\"";

pub(crate) fn catalog() -> Catalog {
    let column = |name: &str| Column {
        name: name.to_owned(),
        type_name: "integer".to_owned(),
        kind: Kind::Int,
        nullable: !name.is_empty() && name != "id",
        generated: false,
    };
    let table = |name: &str, columns: &[&str]| Table {
        name: name.to_owned(),
        quoted: name.to_owned(),
        columns: columns.iter().map(|it| column(it)).collect(),
        primary_key: vec!["id".to_owned()],
        row_id: vec!["id".to_owned()],
        uniques: vec![vec!["id".to_owned()]],
        ..Table::default()
    };
    let tables = [table("person", &["id", "born"]), table("orders", &["id", "person_id"])];
    let tables = tables.into_iter().chain([table("line", &["id", "orders_id", "what"])]);
    Catalog {
        tables: tables.map(|it| (it.name.clone(), it)).collect(),
        keys: vec![key("orders", "person"), key("line", "orders")],
        hides_what_acts: false,
    }
}

pub(crate) fn map(of_person: &str, of_orders: &str) -> DataMap {
    map_of(of_person, of_orders, DELETE)
}

pub(crate) fn map_of(of_person: &str, of_orders: &str, of_line: &str) -> DataMap {
    DataMap::parse(&format!(
        r#"
        source = "shop"
        [[root]]
        table = "person"
        key = ["id"]
        identities = {{ email = "born" }}
        {of_person}
        [[table]]
        name = "orders"
        [[table.way]]
        from = "person"
        on = {{ person_id = "id" }}
        {of_orders}
        [[table]]
        name = "line"
        [[table.way]]
        from = "orders"
        on = {{ orders_id = "id" }}
        {of_line}
        "#
    ))
    .unwrap()
}

/// `parent_id` of the child, onto the parent's `id`.
pub(crate) fn key(child: &str, parent: &str) -> ForeignKey {
    ForeignKey {
        quoted: String::new(),
        child: child.to_owned(),
        parent: parent.to_owned(),
        on: vec![(format!("{parent}_id"), "id".to_owned())],
        on_delete: OnDelete::NoAction,
        deferrable: false,
    }
}
