//! Days and seconds written as text. The shop has its own last day, so that its bytes never depend on the clock.

/// Days from 1970-01-01 to the last day in the shop's life, 2026-10-31: the day [`crate::LAST_DAY`] writes out.
pub(crate) const LAST_DAY_NUMBER: i64 = 20_757;

const SECONDS_A_DAY: i64 = 86_400;

/// `YYYY-MM-DD` of a number of days since 1970-01-01.
pub(crate) fn date(days: i64) -> String {
    // Years that start in March put the leap day last: the usual civil-from-days.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// RFC 3339 in UTC of a moment so many seconds before the end of the last day.
pub(crate) fn before_the_end(seconds: i64) -> String {
    let moment = (LAST_DAY_NUMBER + 1) * SECONDS_A_DAY - 1 - seconds;
    let clock = moment.rem_euclid(SECONDS_A_DAY);
    let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", date(moment.div_euclid(SECONDS_A_DAY)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_as_people_write_them() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(-1), "1969-12-31");
        assert_eq!(date(LAST_DAY_NUMBER), crate::LAST_DAY);
    }

    #[test]
    fn the_end_is_the_last_second_of_the_last_day() {
        assert_eq!(before_the_end(0), "2026-10-31T23:59:59Z");
        assert_eq!(before_the_end(86_400), "2026-10-30T23:59:59Z");
    }
}
