//! Small schemas with rows and a data map, out of a list of choices: tables below people, keys of one and of two
//! columns, pointers that may and may not be NULL, declared or not, that cascade or not, in rings; ways downwards,
//! ways to what rows point to, ways by a value; every treatment. A shorter list of choices is a simpler case.

use std::fmt::Write as _;

use countersign_core::plan::Treatment;

/// Choices that were made beforehand; when they run out, the first of all is taken.
pub struct Choices<'a>(pub &'a [u32]);

impl Choices<'_> {
    fn below(&mut self, n: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first as usize % n
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// A schema, its map, and rows. The first table has the people.
#[derive(Clone, Debug)]
pub struct Case {
    pub root_clears: bool,
    pub tables: Vec<Table>,
}

#[derive(Clone, Debug)]
pub struct Table {
    pub name: String,
    /// Whether its key has two columns.
    pub two: bool,
    pub pointers: Vec<Pointer>,
    pub ways: Vec<Way>,
    pub rows: Vec<Row>,
}

/// Columns that point to another table, or to the same.
#[derive(Clone, Debug)]
pub struct Pointer {
    pub to: usize,
    pub nullable: bool,
    pub declared: bool,
    cascades: bool,
}

#[derive(Clone, Debug)]
pub struct Way {
    pub lead: Lead,
    pub treatment: Treatment,
    /// Only with `clear`: by law.
    pub basis: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lead {
    /// Along an own pointer.
    Down(usize),
    /// Along a pointer of another table to this one.
    Up { origin: usize, pointer: usize },
    /// By the column `who`.
    Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: i64,
    pub what: String,
    pub note: Option<String>,
    /// The number of a person.
    pub who: Option<String>,
    /// What each pointer has in its columns: the number, and the second part where the other's key has two columns.
    pub points: Vec<(Option<i64>, Option<i64>)>,
}

/// The second part of a key, or nothing where there is none.
pub fn second(table: &Table, id: i64) -> Option<i64> {
    table.two.then_some(id % 3)
}

impl Case {
    pub fn of(choices: &mut Choices<'_>) -> Self {
        let mut tables: Vec<Table> = vec![];
        for t in 0..2 + choices.below(4) {
            let name = if t == 0 { "person".to_owned() } else { format!("t{t}") };
            tables.push(Table { name, two: choices.one_in(4), pointers: vec![], ways: vec![], rows: vec![] });
        }
        let root_clears = choices.one_in(4);
        for t in 1..tables.len() {
            for _ in 0..1 + choices.below(3) {
                let way = way(choices, &mut tables, t);
                if let Some(way) = way.filter(|it| !tables[t].ways.iter().any(|other| other.lead == it.lead))
                {
                    tables[t].ways.push(way);
                }
            }
            if tables[t].ways.is_empty() {
                let lead = Lead::Value;
                tables[t].ways.push(Way { lead, treatment: Treatment::Delete, basis: false });
            }
        }
        // Pointers along which no way leads: back, sideways, onto the table itself.
        for _ in 0..choices.below(4) {
            let (from, to) = (choices.below(tables.len()), choices.below(tables.len()));
            let pointer =
                Pointer { to, nullable: !choices.one_in(4), declared: true, cascades: choices.one_in(3) };
            tables[from].pointers.push(pointer);
        }
        let mut case = Self { root_clears, tables };
        case.fill(choices);
        case
    }

    fn fill(&mut self, choices: &mut Choices<'_>) {
        let counts: Vec<i64> =
            (0..self.tables.len()).map(|t| if t == 0 { 4 } else { 2 + choices.below(4) as i64 }).collect();
        for t in 0..self.tables.len() {
            for id in 1..=counts[t] {
                let mut points = vec![];
                for pointer in self.tables[t].pointers.clone() {
                    let nothing = pointer.nullable && choices.one_in(4);
                    let target = 1 + choices.below(counts[pointer.to] as usize) as i64;
                    let other = second(&self.tables[pointer.to], target);
                    points.push(if nothing { (None, None) } else { (Some(target), other) });
                }
                let who = (!choices.one_in(3)).then(|| (1 + choices.below(4)).to_string());
                let what = format!("{}-{id}", self.tables[t].name);
                let note = Some("note".to_owned());
                self.tables[t].rows.push(Row { id, what, note, who, points });
            }
        }
    }

    /// Tables, with keys inside where they can be, and the keys as statements of their own where not.
    pub fn schema(&self, prefix: &str, inside: bool) -> String {
        let mut sql = String::new();
        let mut after = String::new();
        for table in &self.tables {
            let _ = write!(
                sql,
                "CREATE TABLE {prefix}{} (id integer NOT NULL, v integer NOT NULL, what text NOT NULL, note text, who text, email text",
                table.name
            );
            for (n, pointer) in table.pointers.iter().enumerate() {
                let null = if pointer.nullable { "" } else { " NOT NULL" };
                for column in self.columns(table, n) {
                    let _ = write!(sql, ", {column} integer{null}");
                }
            }
            let _ = write!(sql, ", PRIMARY KEY ({})", key(table).join(", "));
            for (n, pointer) in table.pointers.iter().enumerate().filter(|(_, it)| it.declared) {
                let other = &self.tables[pointer.to];
                let action = if pointer.cascades { " ON DELETE CASCADE" } else { "" };
                let own = self.columns(table, n).join(", ");
                let theirs = key(other).join(", ");
                let at = if inside { "" } else { prefix };
                let text = format!("FOREIGN KEY ({own}) REFERENCES {at}{} ({theirs}){action}", other.name);
                if inside {
                    let _ = write!(sql, ", {text}");
                } else {
                    let _ = writeln!(after, "ALTER TABLE {prefix}{} ADD {text};", table.name);
                }
            }
            sql.push_str(");\n");
        }
        for table in &self.tables {
            for row in &table.rows {
                let _ = writeln!(
                    sql,
                    "INSERT INTO {prefix}{} VALUES ({});",
                    table.name,
                    self.values(table, row).join(", ")
                );
            }
        }
        sql + &after
    }

    fn columns(&self, table: &Table, pointer: usize) -> Vec<String> {
        let two = self.tables[table.pointers[pointer].to].two;
        [format!("p{pointer}"), format!("p{pointer}v")].into_iter().take(if two { 2 } else { 1 }).collect()
    }

    /// A row's cells as SQL, in the order of the columns.
    fn values(&self, table: &Table, row: &Row) -> Vec<String> {
        let text = |it: &Option<String>| it.as_ref().map_or("NULL".to_owned(), |it| format!("'{it}'"));
        let number = |it: Option<i64>| it.map_or("NULL".to_owned(), |it| it.to_string());
        let email = Some(format!("{}@example.test", row.id));
        let mut cells = vec![row.id.to_string(), (row.id % 3).to_string(), format!("'{}'", row.what)];
        cells.extend([text(&row.note), text(&row.who), text(&email)]);
        for (n, (first, other)) in row.points.iter().enumerate() {
            cells.push(number(*first));
            if self.columns(table, n).len() == 2 {
                cells.push(number(*other));
            }
        }
        cells
    }

    /// Every row as a text, as [`Case::read`] reads it, sorted.
    pub fn shown(&self) -> Vec<String> {
        let plain = |it: String| if it == "NULL" { "~".to_owned() } else { it.trim_matches('\'').to_owned() };
        let mut rows = vec![];
        for table in &self.tables {
            rows.extend(table.rows.iter().map(|row| {
                let cells: Vec<String> = self.values(table, row).into_iter().map(plain).collect();
                format!("{}: {}", table.name, cells.join("|"))
            }));
        }
        rows.sort();
        rows
    }

    /// Reads every row.
    pub fn read(&self, prefix: &str) -> String {
        let each = self.tables.iter().map(|table| {
            let mut columns: Vec<String> =
                ["id", "v", "what", "note", "who", "email"].map(str::to_owned).to_vec();
            (0..table.pointers.len()).for_each(|n| columns.extend(self.columns(table, n)));
            let cells: Vec<String> =
                columns.iter().map(|it| format!("COALESCE(CAST({it} AS TEXT), '~')")).collect();
            format!("SELECT '{0}: ' || {1} FROM {prefix}{0}", table.name, cells.join(" || '|' || "))
        });
        each.collect::<Vec<_>>().join(" UNION ALL ")
    }

    pub fn map(&self) -> String {
        let mut map = format!(
            "source = \"shop\"\n[[root]]\ntable = \"person\"\nkey = {:?}\nidentities = {{ email = \"email\" }}\n",
            key(&self.tables[0])
        );
        map.push_str(if self.root_clears { CLEAR } else { "treatment = \"delete\"\n" });
        for table in &self.tables[1..] {
            let _ = write!(map, "[[table]]\nname = \"{}\"\n", table.name);
            for way in &table.ways {
                map.push_str("[[table.way]]\n");
                map.push_str(&self.lead(table, way));
                if way.treatment == Treatment::Clear {
                    map.push_str(CLEAR);
                } else {
                    let _ = writeln!(map, "treatment = \"{}\"", way.treatment.name());
                }
                if way.basis {
                    map.push_str("basis = \"law\"\n");
                }
            }
        }
        map
    }

    fn lead(&self, table: &Table, way: &Way) -> String {
        let on = |own: &[String], theirs: &[String]| {
            let pairs = own.iter().zip(theirs).map(|(own, theirs)| format!("{own} = \"{theirs}\""));
            pairs.collect::<Vec<_>>().join(", ")
        };
        match way.lead {
            Lead::Down(n) => {
                let other = &self.tables[table.pointers[n].to];
                format!(
                    "from = \"{}\"\non = {{ {} }}\n",
                    other.name,
                    on(&self.columns(table, n), &key(other))
                )
            }
            Lead::Up { origin, pointer } => {
                let other = &self.tables[origin];
                format!(
                    "from = \"{}\"\non = {{ {} }}\n",
                    other.name,
                    on(&key(table), &self.columns(other, pointer))
                )
            }
            Lead::Value => "column = \"who\"\nequals = \"{id}\"\n".to_owned(),
        }
    }
}

const CLEAR: &str = "treatment = \"clear\"\nempty = [\"note\"]\nreplace = { what = \"gone-{key}\" }\n";

fn key(table: &Table) -> Vec<String> {
    ["id", "v"].into_iter().take(if table.two { 2 } else { 1 }).map(str::to_owned).collect()
}

/// A way to table `t`, with the pointer along which it leads.
fn way(choices: &mut Choices<'_>, tables: &mut [Table], t: usize) -> Option<Way> {
    let origin = choices.below(t);
    let nullable = choices.one_in(2);
    let declared = !choices.one_in(5);
    let cascades = choices.one_in(4);
    let kind = choices.below(5);
    let treatments = [
        Treatment::Delete,
        Treatment::KeepForOthers,
        Treatment::Clear,
        Treatment::Keep,
        Treatment::Detach,
        Treatment::KeepForOthers,
        // What goes in parts is deleted whatever else there is.
        Treatment::Delete,
        Treatment::Delete,
    ];
    let mut treatment = choices.of(&treatments);
    let mut basis = treatment == Treatment::Keep || (treatment == Treatment::Clear && choices.one_in(2));
    // Rows behind shared rows are shared too.
    let shared = tables[origin].ways.iter().any(|it| it.treatment == Treatment::KeepForOthers);
    if shared && kind < 4 && !basis && treatment != Treatment::Detach {
        treatment = Treatment::KeepForOthers;
    }
    let lead = match kind {
        4 => Lead::Value,
        3 if treatment != Treatment::Detach => {
            tables[origin].pointers.push(Pointer { to: t, nullable, declared, cascades });
            Lead::Up { origin, pointer: tables[origin].pointers.len() - 1 }
        }
        _ => {
            let nullable = nullable || treatment == Treatment::Detach;
            tables[t].pointers.push(Pointer { to: origin, nullable, declared, cascades });
            Lead::Down(tables[t].pointers.len() - 1)
        }
    };
    basis &= matches!(treatment, Treatment::Keep | Treatment::Clear);
    Some(Way { lead, treatment, basis })
}
