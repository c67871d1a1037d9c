//! What the name of a table or column says. English words only, split at capitals, digits and underscores; a guess,
//! always told as one.

use crate::catalog::{Column, Kind};

/// What a column seems to hold of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Personal {
    Email,
    Phone,
    /// A number or word by which the person is known here.
    Account,
    Name,
    Address,
    Born,
    /// Of cards, banks, passports, tax offices.
    Number,
    /// IP addresses, devices, places.
    Trace,
    /// Whatever somebody wrote: it may name a person.
    Text,
}

/// The words of a name, in lower case and singular: `BillingAddresses` is `billing`, `address`.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![];
    let mut before = ' ';
    for letter in name.chars() {
        let starts = (letter.is_uppercase() && !before.is_uppercase())
            || (letter.is_alphanumeric() && !before.is_alphanumeric());
        if !letter.is_alphanumeric() {
            before = letter;
            continue;
        }
        if starts || words.is_empty() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.into_iter().map(|it| singular(&it)).collect()
}

fn singular(word: &str) -> String {
    if let Some(stem) = word.strip_suffix("ies").filter(|it| it.len() > 1) {
        return format!("{stem}y");
    }
    for ending in ["sses", "xes", "ches", "shes"] {
        if word.ends_with(ending) {
            return word.trim_end_matches("es").to_owned();
        }
    }
    let plural = word.len() > 3 && !["ss", "us", "is", "as"].iter().any(|it| word.ends_with(it));
    word.strip_suffix('s').filter(|_| plural).unwrap_or(word).to_owned()
}

/// The last part of a qualified name: `customer` of `sales.customer`.
fn last_part(table: &str) -> &str {
    table.rsplit('.').next().unwrap_or(table)
}

/// Whether a name has one of these words. Long ones are also found where names are run together: `postalcode`.
fn has(name: &str, wanted: &[&str]) -> bool {
    let words = words(name);
    let together: String = words.concat();
    wanted.iter().any(|want| words.iter().any(|it| it == want) || (want.len() > 5 && together.contains(want)))
}

/// What `column` seems to hold; `beside` are the columns of its table.
pub(super) fn personal(column: &Column, beside: &[Column]) -> Option<Personal> {
    let name = &*column.name;
    let texts = matches!(column.kind, Kind::Text | Kind::Other);
    if has(name, &["birth", "birthday", "birthdate", "dob", "born", "age"]) && column.kind != Kind::Bool {
        return Some(Personal::Born);
    }
    let numbers = [
        "iban",
        "bic",
        "ssn",
        "passport",
        "vat",
        "cardnumber",
        "card",
        "pan",
        "nationalid",
        "taxid",
        "taxnumber",
        "licence",
        "license",
        "creditcard",
        "accountnumber",
    ];
    if (texts || column.kind == Kind::Int) && has(name, &numbers) {
        return Some(Personal::Number);
    }
    if column.kind == Kind::Int && has(name, &["phone", "mobile", "fax", "telephone"]) {
        return Some(Personal::Phone);
    }
    if has(
        name,
        &["ip", "ipaddress", "useragent", "latitude", "longitude", "lat", "lon", "lng", "geo", "device"],
    ) && !matches!(column.kind, Kind::Bool | Kind::Time)
    {
        return Some(Personal::Trace);
    }
    if column.kind == Kind::Bytes {
        return has(name, &["photo", "picture", "avatar", "portrait", "signature"]).then_some(Personal::Text);
    }
    if column.kind == Kind::Json {
        return has(name, &["profile", "contact", "address", "person", "customer"]).then_some(Personal::Text);
    }
    if !texts {
        return None;
    }
    if has(name, &["email", "mail"]) && !has(name, &["template", "status", "verified"]) {
        return Some(Personal::Email);
    }
    if has(name, &["phone", "telephone", "mobile", "tel", "cell", "fax"]) {
        return Some(Personal::Phone);
    }
    if is_name(name, beside) {
        return Some(Personal::Name);
    }
    if has(name, &["username", "login", "handle", "nickname", "account", "customernumber"])
        || has(name, &["customerno", "memberno", "accountno"])
    {
        return Some(Personal::Account);
    }
    let place =
        ["address", "street", "city", "town", "postal", "postcode", "postalcode", "zip", "zipcode", "county"];
    if has(name, &place) {
        return Some(Personal::Address);
    }
    // A state or a country is somebody's where a street or a city stands beside it.
    let lives = || beside.iter().any(|it| has(&it.name, &place));
    if has(name, &["state", "country", "region", "province"]) && lives() {
        return Some(Personal::Address);
    }
    if has(
        name,
        &["company", "employer", "gender", "sex", "photo", "avatar", "picture", "signature", "nationality"],
    ) {
        return Some(Personal::Text);
    }
    let written = ["note", "comment", "remark", "message", "body", "bio", "feedback", "description", "text"];
    has(name, &written).then_some(Personal::Text)
}

fn is_name(name: &str, beside: &[Column]) -> bool {
    let whole = [
        "firstname",
        "lastname",
        "fullname",
        "surname",
        "forename",
        "givenname",
        "familyname",
        "middlename",
        "displayname",
        "realname",
        "maidenname",
    ];
    if has(name, &whole) || has(name, &["recipient", "cardholder", "holder"]) {
        return true;
    }
    let words = words(name);
    let [.., last] = &*words else { return false };
    if last != "name" {
        return false;
    }
    let of_person =
        ["customer", "person", "billing", "shipping", "contact", "sender", "client", "payer", "buyer"];
    if words.iter().any(|it| of_person.contains(&&**it)) {
        return true;
    }
    // A bare `name` is a person's where an address or a number stands beside it, else a thing's.
    let reached = |it: &Column| {
        has(&it.name, &["email", "mail", "phone", "telephone", "mobile", "birth", "street", "address"])
    };
    words.len() == 1 && beside.iter().any(reached)
}

/// Whether a word by which people are known is a number that the business gave them, rather than a name they chose.
pub(super) fn is_given_number(column: &str) -> bool {
    has(column, &["account", "number", "no", "customernumber", "customerno", "memberno", "accountno"])
}

/// Whether a column holds what nobody is shown, not even the person: secrets and government numbers.
pub(super) fn is_secret(column: &str) -> bool {
    let secrets =
        ["password", "passwd", "pwd", "hash", "salt", "secret", "token", "otp", "totp", "ssn", "passport"];
    has(column, &secrets)
}

/// Whether a table's rows seem to be what tax and trade law wants kept.
pub(super) fn is_kept_by_law(table: &str) -> bool {
    let kept = ["invoice", "bill", "billing", "payment", "tax", "receipt", "booking", "refund"];
    has(last_part(table), &kept)
}

/// Whether a table's rows seem to be those who work here.
pub(super) fn is_staff(table: &str) -> bool {
    let staff = ["employee", "staff", "admin", "administrator", "operator", "agent", "worker", "salesperson"];
    has(last_part(table), &staff)
}

/// Whether a table's rows seem to be the people whom a business serves.
pub(super) fn is_people(table: &str) -> bool {
    let people = [
        "customer",
        "user",
        "account",
        "member",
        "person",
        "people",
        "client",
        "patient",
        "subscriber",
        "guest",
        "student",
        "contact",
        "profile",
        "buyer",
        "shopper",
        "traveller",
        "passenger",
    ];
    // `user_session` and `account_type` are about people; they are not the people.
    words(last_part(table)).last().is_some_and(|it| people.contains(&&**it))
}

/// Whether a table's rows seem to be such that several people share one.
pub(super) fn is_shared(table: &str) -> bool {
    words(last_part(table)).last().is_some_and(|it| ["address", "household"].contains(&&**it))
}

/// Whether a pointer says who did something to the row rather than whose it is: `created_by`, `referred_by`.
pub(super) fn is_aside(columns: &[&str]) -> bool {
    let aside = [
        "by", "referrer", "inviter", "approver", "editor", "reviewer", "assignee", "modifier", "updater",
        "parent", "sponsor", "manager",
    ];
    columns.iter().any(|it| has(it, &aside))
}

/// What a column without a foreign key might name: a root row, by its table's name or as people are named in logs.
pub(super) fn may_name_a_root(column: &str, root: &str) -> Naming {
    let own = words(column);
    let root = words(last_part(root)).concat();
    let bare = own.concat();
    if [root.clone(), format!("{root}id"), format!("{root}key"), format!("{root}no")].contains(&bare) {
        return Naming::Key;
    }
    if has(column, &["who", "user", "userid", "username", "actor", "login", "owner", "principal", "subject"])
    {
        return Naming::Somebody;
    }
    Naming::Nothing
}

/// See [`may_name_a_root`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// Its key, by name.
    Key,
    /// Somebody, in whatever way.
    Somebody,
    Nothing,
}

/// Whether a column says when a row was made, so that a term of keeping can run from it.
pub(super) fn is_date_of_row(column: &Column) -> bool {
    let time = column.kind == Kind::Time;
    let named = has(&column.name, &["date", "issued", "created", "booked", "paid", "at", "on", "time"]);
    time || (column.kind == Kind::Text && named)
}

#[cfg(test)]
mod tests;
