//! Lists of columns, as people write them.

/// The columns in `given`, each value one name or several with commas between them. A value that is a
/// column as it stands is that column, whatever commas its name has.
pub fn column_names(given: &[String], is_column: impl Fn(&str) -> bool) -> Vec<String> {
    let split = |text: &String| -> Vec<String> {
        if is_column(text) { vec![text.clone()] } else { text.split(',').map(str::to_owned).collect() }
    };
    given.iter().flat_map(split).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_a_comma() {
        let names = |given: &[&str]| {
            let given: Vec<String> = given.iter().map(|g| (*g).to_owned()).collect();
            column_names(&given, |name| ["age", "job", "size, in cm"].contains(&name))
        };
        assert_eq!(names(&["age,job"]), ["age", "job"]);
        assert_eq!(names(&["size, in cm", "age"]), ["size, in cm", "age"]);
        assert_eq!(names(&["agee,job"]), ["agee", "job"]);
    }
}
