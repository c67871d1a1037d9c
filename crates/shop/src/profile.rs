//! What is personal about a customer, derived from the number alone.
//! Every value is one person's only, so that a search for it finds that person and nobody else.

use crate::calendar::date;
use crate::cast;

/// A prime above the largest shop: multiplying by anything modulo it gives each customer a day of their own.
const DAYS_TO_BE_BORN_ON: i64 = 23_993;
/// 1940-01-01.
const FIRST_BIRTHDAY: i64 = -10_957;

/// The personal values of one customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) phone: String,
    pub(crate) born_on: String,
    pub(crate) ip: String,
    pub(crate) card_token: String,
    pub(crate) street: String,
    pub(crate) postcode: String,
    pub(crate) city: &'static str,
}

impl Profile {
    /// The profile of customer `id`, from 1.
    pub(crate) fn of(id: i64) -> Profile {
        let index = id - 1;
        let (first, last) = match cast::name_of(id) {
            Some((first, last)) => (first.to_owned(), last.to_owned()),
            None => (first_name(index).to_owned(), last_name(index)),
        };
        let mut profile = Profile {
            account: format!("C-{id:06}"),
            name: format!("{first} {last}"),
            email: format!("{}.{id:03}@example.test", first.to_lowercase()),
            phone: format!("+999 20 {id:06}"),
            born_on: date(FIRST_BIRTHDAY + index * 10_007 % DAYS_TO_BE_BORN_ON),
            // 198.18.0.0/15 is set aside for tests: nobody's address.
            ip: format!("198.{}.{}.{}", 18 + (id >> 16 & 1), id >> 8 & 255, id & 255),
            card_token: format!("card_{id:06}x{:04x}", (id * 40_503) & 0xffff),
            street: street(index),
            postcode: format!("{:05}", 10_000 + index * 37 % 80_000),
            city: CITIES[(index % CITIES.len() as i64) as usize],
        };
        // The same person's second account: same name, birthday and e-mail; all else is the account's own.
        if let Some(first_account) = twin_of(id) {
            let twin = Profile::of(first_account);
            (profile.name, profile.email, profile.born_on) = (twin.name, twin.email, twin.born_on);
        }
        profile
    }

    /// Street, postcode and city in one line, as invoices print it.
    pub(crate) fn address_line(&self) -> String {
        format!("{}, {} {}", self.street, self.postcode, self.city)
    }
}

/// The first account of the same person, when `id` is a second one.
pub(crate) fn twin_of(id: i64) -> Option<i64> {
    if id == cast::FAY_AGAIN.id { Some(cast::FAY.id) } else { (id % 1_000 == 501).then_some(id - 1) }
}

fn first_name(index: i64) -> &'static str {
    FIRST_NAMES[(index % 100) as usize]
}

/// Together with the first name, different for each of the first 10,000 customers.
fn last_name(index: i64) -> String {
    let slot = ((index / 100 + index % 100) % 100) as usize;
    format!("{}{}", LAST_STARTS[slot % 20], LAST_ENDS[slot / 20])
}

/// A house of its own for each customer.
fn street(index: i64) -> String {
    let (slot, house) = ((index % 125) as usize, index / 125 + 1);
    format!("{house} {} {}", TREES[slot % 25], WAYS[slot / 25])
}

const FIRST_NAMES: [&str; 100] = [
    "Ada", "Aldo", "Alma", "Amir", "Anouk", "Arno", "Asta", "Aziz", "Bela", "Bianca", "Bo", "Carla", "Cato",
    "Celia", "Ciro", "Cora", "Dana", "Dario", "Dilan", "Dora", "Edda", "Edgar", "Elia", "Elsa", "Emil",
    "Enno", "Esra", "Esther", "Farid", "Femke", "Finn", "Flora", "Frida", "Gero", "Gina", "Greta", "Hana",
    "Hasan", "Heidi", "Hugo", "Ilse", "Imre", "Ines", "Iris", "Ivo", "Jana", "Jaro", "Jette", "Jonas",
    "Juno", "Kaia", "Karim", "Kato", "Kira", "Lars", "Leila", "Lena", "Levin", "Lidia", "Lorenz", "Lotte",
    "Luca", "Magda", "Malik", "Mara", "Marek", "Milo", "Mina", "Moritz", "Nadia", "Nele", "Nico", "Nils",
    "Nora", "Odin", "Olga", "Omar", "Otto", "Paula", "Pavel", "Petra", "Pia", "Quirin", "Rafael", "Rana",
    "Rosa", "Ruben", "Samir", "Selma", "Sofia", "Tarik", "Tessa", "Tilda", "Udo", "Vera", "Viktor", "Wanda",
    "Xenia", "Yara", "Zeno",
];
const LAST_STARTS: [&str; 20] = [
    "Ash", "Birch", "Black", "Brook", "Clay", "Deer", "East", "Fair", "Gold", "Hart", "Kirk", "Lang", "Mill",
    "North", "Oak", "Ram", "Stan", "Thorn", "West", "Wind",
];
const LAST_ENDS: [&str; 5] = ["by", "field", "ford", "ley", "wood"];
const TREES: [&str; 25] = [
    "Acacia", "Alder", "Apple", "Aspen", "Beech", "Cedar", "Cherry", "Chestnut", "Cypress", "Elder", "Elm",
    "Fir", "Hazel", "Holly", "Juniper", "Larch", "Laurel", "Linden", "Maple", "Olive", "Pear", "Pine",
    "Plum", "Rowan", "Willow",
];
const WAYS: [&str; 5] = ["Lane", "Street", "Road", "Court", "Mews"];
const CITIES: [&str; 12] = [
    "Ambermouth",
    "Brackwater",
    "Coldharbour",
    "Dunmere",
    "Eastwick",
    "Farrowdale",
    "Greyport",
    "Highmoor",
    "Inverlake",
    "Kestrelton",
    "Longstrand",
    "Millhaven",
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_customers_have_a_personal_value_in_common_but_second_accounts() {
        let mut seen = BTreeSet::new();
        for id in 1..=10_000 {
            let p = Profile::of(id);
            let mut values = vec![p.account, p.phone, p.ip, p.card_token, p.street];
            if twin_of(id).is_none() {
                values.extend([p.name, p.email, p.born_on]);
            }
            for value in values {
                assert!(seen.insert(value.clone()), "{value} twice, second time at {id}");
            }
        }
    }

    #[test]
    fn a_second_account_names_the_same_person_at_the_same_e_mail() {
        let (first, second) = (Profile::of(cast::FAY.id), Profile::of(cast::FAY_AGAIN.id));
        assert_eq!((&first.name, &first.email), (&second.name, &second.email));
        assert_ne!(first.account, second.account);
    }
}
