//! Formulas as expressions of SQL.

use super::Scope;
use super::dialect::Dialect;
use crate::error::{Error, Result};
use crate::expr::{
    Arithmetic, Comparison, Formula, Function, Members, Node, Op, Program, Readings, Target, Type, case_parts,
};
use tabgraft_table::cell::truth_words;

/// An expression of SQL.
pub(super) type Expression = String;

/// What a column holds in the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    Number,
    Text,
    Bool,
    Time,
}

impl Held {
    pub fn of(kind: Type) -> Self {
        match kind {
            Type::Number => Held::Number,
            Type::Bool => Held::Bool,
            Type::Time => Held::Time,
            Type::Text | Type::Open | Type::Missing => Held::Text,
        }
    }
}

fn cannot(dialect: Dialect, what: impl std::fmt::Display) -> Error {
    Error::schema(format!("{what}: the SQL of {} cannot say it exactly", dialect.word()))
        .with_hint("compute this feature by `transform`, or write another one")
}

/// A column of the table `t` as an expression reads it.
///
/// # Errors
/// A schema error for a reading that SQL cannot do.
pub(super) fn read(dialect: Dialect, name: &str, held: Held, reading: Type) -> Result<Expression> {
    let d = dialect;
    let column = format!("t.{}", d.name(name));
    Ok(match (held, reading) {
        (Held::Number, Type::Number) => d.finite(&format!("CAST({column} AS {})", d.double())),
        (Held::Number, Type::Bool) => {
            format!("CASE WHEN {column} = 1 THEN TRUE WHEN {column} = 0 THEN FALSE END")
        }
        (Held::Text, Type::Number) => {
            d.finite(&format!("CAST(NULLIF({}, '') AS {})", d.trimmed(&column), d.double()))
        }
        (Held::Text, Type::Text) => format!("CASE WHEN {} <> '' THEN {column} END", d.trimmed(&column)),
        (Held::Text, Type::Bool) => truth(d, &column),
        (Held::Text, Type::Time) => format!("CAST(NULLIF({}, '') AS {})", d.trimmed(&column), d.timestamp()),
        (Held::Bool, Type::Bool) => column,
        (Held::Bool, Type::Number) => number_of_truth(d, &column),
        (Held::Bool, Type::Text) => text_of_truth(&column),
        (Held::Time, Type::Time) => format!("CAST({column} AS {})", d.timestamp()),
        _ => return Err(cannot(d, format_args!("column `{name}` read as {}", reading.word()))),
    })
}

fn number_of_truth(dialect: Dialect, truth: &str) -> Expression {
    let (one, zero) = (dialect.number(1.0), dialect.number(0.0));
    format!("CASE WHEN {truth} THEN {one} WHEN NOT {truth} THEN {zero} END")
}

pub(super) fn text_of_truth(truth: &str) -> Expression {
    format!("CASE WHEN {truth} THEN 'true' WHEN NOT {truth} THEN 'false' END")
}

/// Yes or no by the usual spellings in any case.
fn truth(dialect: Dialect, text: &str) -> Expression {
    let words = |wanted: bool| {
        let words = truth_words().filter(|(_, truth)| *truth == wanted).map(|(word, _)| format!("'{word}'"));
        words.chain([format!("'{}.0'", u8::from(wanted))]).collect::<Vec<_>>().join(", ")
    };
    let word = format!("LOWER({})", dialect.trimmed(text));
    format!(
        "CASE WHEN {word} IN ({}) THEN TRUE WHEN {word} IN ({}) THEN FALSE END",
        words(true),
        words(false)
    )
}

/// A formula as an expression over the table `t`, and the type of what it gives.
///
/// # Errors
/// A formula or schema error that says what does not fit or cannot be said.
pub(super) fn of_formula(
    scope: &Scope<'_>,
    formula: &str,
    readings: &Readings,
) -> Result<(Expression, Type)> {
    let program = Formula::parse(formula)?.typed_over(readings)?;
    let mut columns = Vec::with_capacity(program.columns.len());
    for (name, reading) in &program.columns {
        columns.push(scope.column(name, readings, *reading)?);
    }
    let mut done: Vec<Expression> = Vec::with_capacity(program.nodes.len());
    for (i, node) in program.nodes.iter().enumerate() {
        let expression = match &node.op {
            Op::Input(column) => columns[*column].clone(),
            _ => Writer { dialect: scope.dialect, program: &program, done: &done }
                .step(node, program.types[i])?,
        };
        done.push(expression);
    }
    let gives = program.types.last().copied().unwrap_or(Type::Text);
    Ok((done.pop().unwrap_or_default(), gives))
}

struct Writer<'a> {
    dialect: Dialect,
    program: &'a Program,
    done: &'a [Expression],
}

impl Writer<'_> {
    fn step(&self, node: &Node, gives: Type) -> Result<Expression> {
        let d = self.dialect;
        let arg = |i: usize| self.done[node.args[i]].as_str();
        let not = |negated: &bool| if *negated { "NOT " } else { "" };
        Ok(match &node.op {
            Op::Column(_) | Op::Input(_) => return Err(cannot(d, "a column")),
            Op::Number(number) => d.number(number.value()),
            Op::Text(text) => d.text(text),
            Op::Bool(truth) => truth.to_string().to_uppercase(),
            Op::Time(us) => self.time(*us)?,
            Op::Missing => format!("CAST(NULL AS {})", self.type_name(gives)),
            Op::Negate => format!("(-{})", arg(0)),
            Op::Not => format!("(NOT {})", arg(0)),
            Op::And => format!("({} AND {})", arg(0), arg(1)),
            Op::Or => format!("({} OR {})", arg(0), arg(1)),
            Op::Arithmetic(sign) => self.arithmetic(*sign, arg(0), arg(1))?,
            Op::Compare(comparison) => self.compare(*comparison, node),
            Op::Between { negated } => {
                let collated = self.collation(node.args[0]);
                format!("({}{collated} {}BETWEEN {} AND {})", arg(0), not(negated), arg(1), arg(2))
            }
            Op::In { members, negated } => {
                let members: Vec<String> = match members {
                    Members::Numbers(m) => m.iter().map(|n| d.number(n.value())).collect(),
                    Members::Texts(m) => m.iter().map(|t| d.text(t)).collect(),
                    Members::Bools(m) => m.iter().map(|b| b.to_string().to_uppercase()).collect(),
                    Members::Times(m) => m.iter().map(|us| self.time(*us)).collect::<Result<_>>()?,
                };
                format!("({} {}IN ({}))", arg(0), not(negated), members.join(", "))
            }
            Op::IsMissing { negated } => format!("({} IS {}NULL)", arg(0), not(negated)),
            Op::Like { pattern, negated } => {
                format!("({} {}LIKE {})", arg(0), not(negated), d.pattern(pattern))
            }
            Op::Case { has_operand, has_else } => {
                let places: Vec<usize> = (0..node.args.len()).collect();
                let (conditions, results) = case_parts(&places, *has_operand, *has_else);
                let mut sql = "CASE".to_owned();
                if *has_operand {
                    sql += &format!(" {}", arg(0));
                }
                for (condition, result) in conditions.iter().zip(&results) {
                    sql += &format!(" WHEN {} THEN {}", arg(*condition), arg(*result));
                }
                if *has_else {
                    sql += &format!(" ELSE {}", arg(node.args.len() - 1));
                }
                sql + " END"
            }
            Op::Cast(target) => self.cast(node, *target)?,
            Op::Call(signature) => self.call(signature.function, signature.name, node)?,
        })
    }

    fn type_name(&self, gives: Type) -> &'static str {
        match gives {
            Type::Number => self.dialect.double(),
            Type::Bool if self.dialect == Dialect::Bigquery => "BOOL",
            Type::Bool => "BOOLEAN",
            Type::Time => self.dialect.timestamp(),
            Type::Text | Type::Open | Type::Missing => self.dialect.varchar(),
        }
    }

    fn time(&self, us: i64) -> Result<Expression> {
        let moment = chrono::DateTime::from_timestamp_micros(us)
            .ok_or_else(|| cannot(self.dialect, "a time beyond the calendar"))?;
        let text = moment.format("%Y-%m-%d %H:%M:%S%.6f");
        Ok(format!("CAST('{text}' AS {})", self.dialect.timestamp()))
    }

    /// Texts are ordered by their bytes.
    fn collation(&self, node: usize) -> &'static str {
        match (self.dialect, self.program.types[node]) {
            (Dialect::Postgres, Type::Text) => " COLLATE \"C\"",
            _ => "",
        }
    }

    fn compare(&self, comparison: Comparison, node: &Node) -> Expression {
        let sign = match comparison {
            Comparison::Equal => "=",
            Comparison::Unequal => "<>",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        };
        let collation = self.collation(node.args[0]);
        format!("({}{collation} {sign} {})", self.done[node.args[0]], self.done[node.args[1]])
    }

    fn arithmetic(&self, sign: Arithmetic, a: &str, b: &str) -> Result<Expression> {
        let d = self.dialect;
        if d == Dialect::Bigquery {
            // There a result that is too large stops the query, unless it is asked not to.
            let safe = match sign {
                Arithmetic::Add => "SAFE_ADD",
                Arithmetic::Subtract => "SAFE_SUBTRACT",
                Arithmetic::Multiply => "SAFE_MULTIPLY",
                Arithmetic::Divide => "SAFE_DIVIDE",
                Arithmetic::Remainder => return Err(cannot(d, "`%` of two numbers")),
            };
            return Ok(format!("{safe}({a}, {b})"));
        }
        let zero = d.number(0.0);
        Ok(d.finite(&match sign {
            Arithmetic::Add => format!("({a} + {b})"),
            Arithmetic::Subtract => format!("({a} - {b})"),
            Arithmetic::Multiply => format!("({a} * {b})"),
            Arithmetic::Divide => format!("({a} / NULLIF({b}, {zero}))"),
            Arithmetic::Remainder if d == Dialect::Postgres => return Err(cannot(d, "`%` of two numbers")),
            Arithmetic::Remainder => format!("({a} % NULLIF({b}, {zero}))"),
        }))
    }

    fn cast(&self, node: &Node, target: Target) -> Result<Expression> {
        let d = self.dialect;
        let (from, value) = (self.program.types[node.args[0]], self.done[node.args[0]].as_str());
        let number = || -> Result<Expression> {
            Ok(match (from, d) {
                (Type::Number, _) => value.to_owned(),
                (Type::Bool, _) => number_of_truth(d, value),
                (_, Dialect::Duckdb) => {
                    d.finite(&format!("TRY_CAST({} AS {})", d.trimmed(value), d.double()))
                }
                (_, Dialect::Snowflake) => d.finite(&format!("TRY_TO_DOUBLE({})", d.trimmed(value))),
                (_, Dialect::Bigquery) => d.finite(&format!("SAFE_CAST({} AS FLOAT64)", d.trimmed(value))),
                (_, Dialect::Postgres) => {
                    let text = d.trimmed(value);
                    let pattern = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$";
                    format!("CASE WHEN {text} ~ '{pattern}' THEN CAST({text} AS {}) END", d.double())
                }
            })
        };
        Ok(match (target, from) {
            (Target::Double, _) => number()?,
            (Target::BigInt, _) => format!("TRUNC({})", number()?),
            (Target::Varchar, Type::Text)
            | (Target::Boolean, Type::Bool)
            | (Target::Timestamp, Type::Time) => value.to_owned(),
            (Target::Varchar, Type::Bool) => text_of_truth(value),
            (Target::Boolean, Type::Number) => format!("({value} <> {})", d.number(0.0)),
            (Target::Boolean, Type::Text) => truth(d, value),
            (Target::Varchar, _) => return Err(cannot(d, format_args!("the text of {}", from.word()))),
            (Target::Timestamp, _) => {
                return Err(cannot(d, "`CAST(x AS TIMESTAMP)` of a text, which reads many spellings"));
            }
            (Target::Boolean, _) => return Err(cannot(d, "a time as a boolean")),
        })
    }

    fn call(&self, function: Function, name: &str, node: &Node) -> Result<Expression> {
        use Dialect::{Bigquery, Duckdb, Postgres, Snowflake};
        use Function::*;
        let d = self.dialect;
        let args: Vec<&str> = node.args.iter().map(|i| self.done[*i].as_str()).collect();
        let a = args[0];
        let listed = args.join(", ");
        let literal_text = |i: usize| match node.args.get(i).map(|arg| &self.program.nodes[*arg].op) {
            Some(Op::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        let literal_number = |i: usize| match node.args.get(i).map(|arg| &self.program.nodes[*arg].op) {
            Some(Op::Number(number)) => Some(number.value().trunc()),
            _ => None,
        };
        let double = |sql: String| format!("CAST({sql} AS {})", d.double());
        let part = |part: &str| double(format!("EXTRACT({part} FROM {a})"));
        let runs = |text: &str| match d {
            Duckdb => Ok(format!("regexp_extract_all({text}, '[\\p{{L}}\\p{{N}}]+')")),
            Bigquery => Ok(format!("REGEXP_EXTRACT_ALL({text}, r'[\\p{{L}}\\p{{N}}]+')")),
            Postgres | Snowflake => Err(cannot(d, format_args!("the words of a text, for `{name}`"))),
        };
        Ok(match function {
            Coalesce => format!("COALESCE({listed})"),
            Nullif => format!("NULLIF({listed})"),
            Least | Greatest => {
                let any = args.iter().map(|arg| format!("{arg} IS NULL")).collect::<Vec<_>>().join(" OR ");
                let word = if function == Least { "LEAST" } else { "GREATEST" };
                format!("CASE WHEN {any} THEN NULL ELSE {word}({listed}) END")
            }
            Ln | Log10 => {
                // Of what is not above 0 there is none, which some engines take for a mistake.
                let zero = d.number(0.0);
                let x = format!("NULLIF(GREATEST({a}, {zero}), {zero})");
                match (function, d) {
                    (Ln, _) => format!("LN({x})"),
                    (_, Snowflake) => format!("LOG(10, {x})"),
                    (_, Postgres) => format!("LOG({x})"),
                    _ => format!("LOG10({x})"),
                }
            }
            Exp if d == Bigquery => format!("SAFE.EXP({a})"),
            Exp => d.finite(&format!("EXP({a})")),
            Sqrt => format!("CASE WHEN {a} >= {} THEN SQRT({a}) END", d.number(0.0)),
            Power => {
                let (b, zero) = (args[1], d.number(0.0));
                let power = if d == Bigquery {
                    format!("SAFE.POW({a}, {b})")
                } else {
                    d.finite(&format!("POWER({a}, {b})"))
                };
                format!(
                    "CASE WHEN ({a} < {zero} AND {b} <> TRUNC({b})) OR ({a} = {zero} AND {b} < {zero}) THEN NULL ELSE \
                     {power} END"
                )
            }
            Abs => format!("ABS({a})"),
            Sign => double(format!("SIGN({a})")),
            Floor => format!("FLOOR({a})"),
            Ceil => format!("CEIL({a})"),
            Round => {
                // Halves away from zero, which not all engines do.
                let rounded = |x: String| match d {
                    Postgres => format!("TRUNC({x} + {} * SIGN({x}))", d.number(0.5)),
                    _ => format!("ROUND({x})"),
                };
                match (node.args.len(), literal_number(1)) {
                    (1, _) => rounded(a.to_owned()),
                    (_, Some(n)) if n.abs() <= 15.0 => {
                        let scale = d.number(10f64.powf(n));
                        format!("({} / {scale})", rounded(format!("({a} * {scale})")))
                    }
                    _ => {
                        return Err(cannot(
                            d,
                            "`round` to a number of decimals that is not written out, or beyond 15",
                        ));
                    }
                }
            }
            Length => double(format!("{}({a})", if d == Bigquery { "CHAR_LENGTH" } else { "LENGTH" })),
            WordCount => {
                let runs = runs(a)?;
                double(if d == Bigquery { format!("ARRAY_LENGTH({runs})") } else { format!("len({runs})") })
            }
            DigitCount => {
                let digits = match d {
                    Duckdb | Postgres => format!("regexp_replace({a}, '[^0-9]', '', 'g')"),
                    Snowflake => format!("REGEXP_REPLACE({a}, '[^0-9]', '')"),
                    Bigquery => format!("REGEXP_REPLACE({a}, r'[^0-9]', '')"),
                };
                double(format!("{}({digits})", if d == Bigquery { "CHAR_LENGTH" } else { "LENGTH" }))
            }
            HasWord => {
                let word = literal_text(1)
                    .ok_or_else(|| cannot(d, "`has_word` with a word that is not written out"))?
                    .to_lowercase();
                let runs = runs(&format!("LOWER({a})"))?;
                match d {
                    Bigquery => format!("({} IN UNNEST({runs}))", d.text(&word)),
                    _ => format!("list_contains({runs}, {})", d.text(&word)),
                }
            }
            Lower => format!("LOWER({a})"),
            Upper => format!("UPPER({a})"),
            Trim => d.trimmed(a),
            Substr => match (literal_number(1), node.args.len(), literal_number(2)) {
                (Some(start), 2, _) if start >= 1.0 => format!("SUBSTR({a}, {start})"),
                (Some(start), _, Some(length)) if start >= 1.0 && length >= 0.0 => {
                    format!("SUBSTR({a}, {start}, {length})")
                }
                _ => {
                    return Err(cannot(
                        d,
                        "`substr` with a start or length that is not written out, or a start below 1",
                    ));
                }
            },
            Concat => format!("({})", args.join(" || ")),
            Contains => match d {
                Duckdb => format!("contains({listed})"),
                Snowflake => format!("CONTAINS({listed})"),
                Postgres | Bigquery => format!("(STRPOS({listed}) > 0)"),
            },
            StartsWith => match d {
                Snowflake => format!("STARTSWITH({listed})"),
                _ => format!("starts_with({listed})"),
            },
            EndsWith => match d {
                Duckdb | Bigquery => format!("ends_with({listed})"),
                Snowflake => format!("ENDSWITH({listed})"),
                Postgres => format!("(RIGHT({a}, LENGTH({0})) = {0})", args[1]),
            },
            Year => part("YEAR"),
            Month => part("MONTH"),
            Day => part("DAY"),
            Hour => part("HOUR"),
            Weekday => match d {
                Duckdb | Postgres => part("ISODOW"),
                Snowflake => double(format!("DAYOFWEEKISO({a})")),
                Bigquery => double(format!("(MOD(EXTRACT(DAYOFWEEK FROM {a}) + 5, 7) + 1)")),
            },
            DaysBetween => {
                let (to, day) = (args[1], d.number(86_400e6));
                match d {
                    Duckdb => format!(
                        "(({} - {}) / {day})",
                        double(format!("epoch_us({to})")),
                        double(format!("epoch_us({a})"))
                    ),
                    Postgres => {
                        format!(
                            "({} / {})",
                            double(format!("EXTRACT(EPOCH FROM ({to} - {a}))")),
                            d.number(86_400.0)
                        )
                    }
                    Snowflake => format!("({} / {day})", double(format!("DATEDIFF(microsecond, {a}, {to})"))),
                    Bigquery => {
                        format!("({} / {day})", double(format!("DATETIME_DIFF({to}, {a}, MICROSECOND)")))
                    }
                }
            }
        })
    }
}
