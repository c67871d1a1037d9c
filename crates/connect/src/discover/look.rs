//! What one value looks like, by its shape and its check digits. It must not know columns.

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Look {
    Email,
    Ip,
    Card,
    Bank,
    NationalId,
    Date,
    Phone,
    Address,
    Name,
}

impl Look {
    /// In a sentence.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Look::Email => "e-mail addresses",
            Look::Ip => "IP addresses",
            Look::Card => "card numbers",
            Look::Bank => "bank accounts (IBAN)",
            Look::NationalId => "government numbers",
            Look::Date => "dates of birth",
            Look::Phone => "phone numbers",
            Look::Address => "postal addresses",
            Look::Name => "names of people",
        }
    }
}

/// What a value looks like; what says most is tried first.
pub(super) fn of(value: &str) -> Option<Look> {
    /// Longer texts are looked through for addresses in them, and are nothing as a whole.
    const LONGEST: usize = 120;
    if value.len() > LONGEST {
        return None;
    }
    if is_email(value) {
        Some(Look::Email)
    } else if is_ip(value) {
        Some(Look::Ip)
    } else if year(value).is_some() {
        Some(Look::Date)
    } else if is_card(value) {
        Some(Look::Card)
    } else if is_iban(value) {
        Some(Look::Bank)
    } else if is_national_id(value) {
        Some(Look::NationalId)
    } else if is_phone(value) {
        Some(Look::Phone)
    } else if is_address(value) {
        Some(Look::Address)
    } else if is_name(value) {
        Some(Look::Name)
    } else {
        None
    }
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let plain = |it: char| it.is_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(it);
    let labels: Vec<&str> = domain.split('.').collect();
    let label = |it: &&str| {
        !it.is_empty() && it.chars().all(|it| it.is_alphanumeric() || it == '-') && !it.starts_with('-')
    };
    !local.is_empty() && local.chars().all(plain) && labels.len() > 1 && labels.iter().all(label)
}

/// Whether an e-mail address stands in a longer text.
pub(super) fn mentions_email(text: &str) -> bool {
    let outside = |it: char| it.is_whitespace() || "<>()[]{}\"',;:".contains(it);
    text.contains('@') && text.split(outside).any(|it| is_email(it.trim_end_matches(['.', '!', '?'])))
}

fn is_ip(text: &str) -> bool {
    let address = text.split_once('/').map_or(text, |(address, _)| address);
    // `1.2.3.4` may be a version, but a column of them is rather not; `::` alone is nothing.
    address.len() > 3 && address.parse::<std::net::IpAddr>().is_ok()
}

/// The year of a date `1980-02-03`, with or without a time.
pub(super) fn year(text: &str) -> Option<i32> {
    let date = text.get(..10)?;
    let behind = text.as_bytes().get(10);
    if !matches!(behind, None | Some(b' ' | b'T')) {
        return None;
    }
    date.parse::<jiff::civil::Date>().ok().map(|it| i32::from(it.year()))
}

/// The digits of a text that has nothing else but blanks and dashes between them.
fn digits(text: &str) -> Option<Vec<u32>> {
    let plain = text.chars().all(|it| it.is_ascii_digit() || it == ' ' || it == '-');
    plain.then(|| text.chars().filter_map(|it| it.to_digit(10)).collect())
}

/// A card's number: its length, its beginning, and Luhn's check.
fn is_card(text: &str) -> bool {
    let Some(digits) = digits(text) else { return false };
    let begins = matches!(digits.first(), Some(2..=6));
    (13..=19).contains(&digits.len()) && begins && luhn(&digits)
}

fn luhn(digits: &[u32]) -> bool {
    let doubled = |it: u32| if it > 4 { it * 2 - 9 } else { it * 2 };
    let each = digits.iter().rev().enumerate().map(|(at, it)| if at % 2 == 1 { doubled(*it) } else { *it });
    each.sum::<u32>() % 10 == 0
}

/// An IBAN: two letters, digits and letters, and the remainder of 97.
fn is_iban(text: &str) -> bool {
    let plain: String = text.chars().filter(|it| *it != ' ').collect();
    if !(15..=34).contains(&plain.len()) || !plain.chars().all(|it| it.is_ascii_alphanumeric()) {
        return false;
    }
    let (country, check) = (&plain[..2], &plain[2..4]);
    if !country.chars().all(|it| it.is_ascii_uppercase()) || !check.chars().all(|it| it.is_ascii_digit()) {
        return false;
    }
    let turned = plain[4..].chars().chain(plain[..4].chars());
    let rest = turned
        .filter_map(|it| it.to_digit(36))
        .fold(0, |rest, value| if value > 9 { (rest * 100 + value) % 97 } else { (rest * 10 + value) % 97 });
    rest == 1
}

/// Numbers that governments give: United States, United Kingdom, Germany, France, Spain, Brazil. What has no check
/// digit must have its punctuation.
fn is_national_id(text: &str) -> bool {
    is_us(text) || is_uk(text) || is_german(text) || is_french(text) || is_spanish(text) || is_brazilian(text)
}

fn is_us(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [area, group, serial] = *parts else { return false };
    let number = |it: &str, length: usize| {
        (it.len() == length)
            .then(|| it.parse::<u32>().ok())?
            .filter(|_| it.bytes().all(|it| it.is_ascii_digit()))
    };
    let area = number(area, 3).filter(|it| !matches!(it, 0 | 666 | 900..));
    area.is_some() && number(group, 2).is_some_and(|it| it > 0) && number(serial, 4).is_some_and(|it| it > 0)
}

fn is_uk(text: &str) -> bool {
    let plain: Vec<u8> = text.bytes().filter(|it| *it != b' ').collect();
    plain.len() == 9
        && plain[..2].iter().all(|it| it.is_ascii_uppercase() && !b"DFIQUV".contains(it))
        && plain[2..8].iter().all(u8::is_ascii_digit)
        && (b'A'..=b'D').contains(&plain[8])
}

/// Eleven digits, one of which stands at least twice; ISO 7064, modulus 11,10.
fn is_german(text: &str) -> bool {
    let Some(digits) = digits(text).filter(|it| it.len() == 11 && it[0] != 0) else { return false };
    let product = digits[..10].iter().fold(10, |product, digit| {
        let sum = (digit + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    let repeats = (0..10).filter(|digit| digits[..10].iter().filter(|it| *it == digit).count() > 1).count();
    (11 - product) % 10 == digits[10] && (1..=2).contains(&repeats)
}

fn is_french(text: &str) -> bool {
    let Some(digits) = digits(text).filter(|it| it.len() == 15 && matches!(it[0], 1 | 2)) else {
        return false;
    };
    let number = |digits: &[u32]| digits.iter().fold(0_u64, |number, it| number * 10 + u64::from(*it));
    97 - number(&digits[..13]) % 97 == number(&digits[13..])
}

fn is_spanish(text: &str) -> bool {
    const LETTERS: &[u8] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let (Some(number), Some(letter)) = (text.get(..8), text.as_bytes().get(8)) else { return false };
    let plain = text.len() == 9 && number.bytes().all(|it| it.is_ascii_digit());
    plain && number.parse::<usize>().is_ok_and(|it| LETTERS[it % 23] == *letter)
}

/// `123.456.789-09`; two check digits.
fn is_brazilian(text: &str) -> bool {
    let shape = |(at, it): (usize, char)| match at {
        3 | 7 => it == '.',
        11 => it == '-',
        _ => it.is_ascii_digit(),
    };
    if text.len() != 14 || !text.chars().enumerate().all(shape) {
        return false;
    }
    let digits: Vec<u32> = text.chars().filter_map(|it| it.to_digit(10)).collect();
    let check = |count: usize| {
        let sum: u32 = (0..count).map(|at| digits[at] * (count + 1 - at) as u32).sum();
        sum * 10 % 11 % 10
    };
    check(9) == digits[9] && check(10) == digits[10]
}

/// A number that says that it is one to be called: a plus, a nought, brackets or groups.
fn is_phone(text: &str) -> bool {
    let parts: Vec<usize> = text.split(['-', '.', '/']).map(str::len).collect();
    if matches!(*parts, [4, 1..=2, 1..=2] | [1..=2, 1..=2, 2 | 4]) {
        // Some way of writing a date.
        return false;
    }
    let count = text.chars().filter(char::is_ascii_digit).count();
    let plain = text
        .chars()
        .enumerate()
        .all(|(at, it)| it.is_ascii_digit() || " -()./".contains(it) || (it == '+' && at == 0));
    let begins = text.starts_with(['+', '(']) || text.starts_with('0');
    let groups = text.split([' ', '-', '.']).filter(|it| it.len() > 1).count() > 2;
    (7..=15).contains(&count) && plain && (begins || groups) && text.parse::<f64>().map_or(true, |_| begins)
}

/// A house number, and a word for a street or a road.
fn is_address(text: &str) -> bool {
    const WORDS: [&str; 24] = [
        "street",
        "st",
        "road",
        "rd",
        "avenue",
        "ave",
        "lane",
        "ln",
        "drive",
        "dr",
        "boulevard",
        "blvd",
        "court",
        "square",
        "rue",
        "calle",
        "via",
        "rua",
        "avenida",
        "plaza",
        "platz",
        "allee",
        "place",
        "way",
    ];
    const ENDINGS: [&str; 7] = ["straße", "strasse", "str", "weg", "gasse", "straat", "vej"];
    let lower = text.to_lowercase();
    let words = lower.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty());
    let street =
        |it: &str| WORDS.contains(&it) || ENDINGS.iter().any(|end| it.ends_with(end) && it.len() > end.len());
    let count = words.clone().count();
    (2..=12).contains(&count) && words.clone().any(street) && text.chars().any(|it| it.is_ascii_digit())
}

/// Up to four capitalised words, the first of which is a usual given name.
fn is_name(text: &str) -> bool {
    let words: Vec<&str> = text.split([' ', '-']).filter(|it| !it.is_empty()).collect();
    let capital = |it: &&str| {
        it.chars().next().is_some_and(char::is_uppercase)
            && it.chars().all(|it| it.is_alphabetic() || "'.".contains(it))
    };
    let given = words.first().map(|it| it.to_lowercase());
    (1..=4).contains(&words.len())
        && words.iter().all(|it| capital(it) || ["van", "von", "de", "da", "der"].contains(it))
        && given.is_some_and(|it| GIVEN.split_whitespace().any(|name| name == it))
}

/// Given names that are usual where registers publish them.
const GIVEN: &str = "aaron adam adrian agnes ahmed aisha alan albert alejandro alex alexander alexandra ali alice amanda \
    amelia ana andrea andreas andrew andrzej angela anita anna anne antoine anton antonio astrid barbara beatriz ben \
    benjamin bernd birgit björn brian bruno camille carla carlos carmen carol caroline catherine cecilia charles \
    charlotte chen chris christian christina christine christoph clara claire claudia cleo cristina daniel daniela david \
    deborah denis diana diego dieter dimitri dmitri dominic dominique donald dorothy eduardo edward elena elisabeth \
    elizabeth ella ellen emily emma enrique eric erik esther eva fatima felix fernanda fernando fiona florian frances \
    francesca francesco francisco frank franz françois fred gabriel george gerhard giovanni giulia gloria grace greta \
    guillaume gustav hannah hans harold harry heather heike heinz helen helena helga henry hugo ian ibrahim ida igor ines \
    inge ingrid irene irina isabel isabella ivan jack jacob jacques jakub james jan jana jane janet jason javier jean \
    jennifer jens jessica joan joana joao joe johan johannes john jonas jonathan jorge jose josef joseph joão josé juan \
    judith julia julian julie jürgen karen karin karl kate katharina katherine kathrin kevin klaus laura leah lena leo \
    leon leonardo li liam lina linda lisa lorenzo louis louise lucas lucia lucy luis luisa lukas luke magda magdalena \
    manuel marc marco marcus maria marie marina mario marion mark markus marta martha martin martina mary mateo matteo \
    matthew matthias max maximilian mehmet melissa mia michael michel michelle miguel mohamed mohammed monica monika \
    muhammad natalia natalie nathan niels nicolas nicole nina noah nora olaf oliver olivia omar oscar otto pablo paolo \
    patricia patrick paul paula pedro peter petra philip philipp pierre piotr rachel rafael rainer ralf ramon rebecca \
    regina renate ricardo richard robert roberto roger roland roman rosa rosemary ruth ryan samuel sandra sara sarah \
    sebastian sergio sharon silvia simon sofia sophie stefan stephanie stephen steven susan susanne sven sylvia teresa \
    theo thomas tim tobias tomas tomasz ulrich ursula uwe valentina vera veronica victor victoria viktor vincent virginia \
    walter wang wei werner wilhelm william wolfgang xavier yasmin yusuf zoe";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_by_shape_and_check_digits() {
        for (value, look) in [
            ("ana@example.test", Some(Look::Email)),
            ("ana.b+tag@mail.example.co.uk", Some(Look::Email)),
            ("ana@localhost", None),
            ("203.0.113.77", Some(Look::Ip)),
            ("2001:db8::1", Some(Look::Ip)),
            ("4111 1111 1111 1111", Some(Look::Card)),
            ("5500000000000004", Some(Look::Card)),
            ("4111 1111 1111 1112", None),
            ("DE89 3704 0044 0532 0130 00", Some(Look::Bank)),
            ("DE88370400440532013000", None),
            ("078-05-1120", Some(Look::NationalId)),
            ("000-05-1120", Some(Look::Phone)),
            ("AB 12 34 56 C", Some(Look::NationalId)),
            ("12345678Z", Some(Look::NationalId)),
            ("12345678A", None),
            ("123.456.789-09", Some(Look::NationalId)),
            ("86095742719", Some(Look::NationalId)),
            ("1980-02-03", Some(Look::Date)),
            ("1980-02-03 10:00:00", Some(Look::Date)),
            ("1980-13-03", None),
            ("3.2.1980", None),
            ("+49 30 123456", Some(Look::Phone)),
            ("(555) 123-4567", Some(Look::Phone)),
            ("030/1234567", Some(Look::Phone)),
            ("1234567", None),
            ("12.5", None),
            ("12 Main Street", Some(Look::Address)),
            ("Hauptstraße 5", Some(Look::Address)),
            ("Main Street", None),
            ("Ana Example", Some(Look::Name)),
            ("Maria van der Berg", Some(Look::Name)),
            ("ana example", None),
            ("Blue Chair", None),
            ("", None),
            ("A", None),
            ("ü", None),
        ] {
            assert_eq!(of(value), look, "{value}");
        }
    }

    #[test]
    fn an_address_in_a_longer_text_is_a_mention() {
        assert!(mentions_email("Write to <ana@example.test>, please."));
        assert!(mentions_email("It is ana@example.test."));
        assert!(!mentions_email("10 @ 5.00 each"));
    }

    proptest::proptest! {
        #[test]
        fn no_value_makes_it_panic(value in ".{0,60}") {
            of(&value);
            mentions_email(&value);
        }
    }
}
