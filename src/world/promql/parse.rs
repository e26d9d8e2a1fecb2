//! From words to an expression, its kinds checked.

use super::aggregate::Operation as Aggregation;
use super::binary::Operation;
use super::function;
use super::lex::{Token, words};
use super::{Expr, Grouping, Kind, Matcher, Matching, QueryError};

/// Queries nested deeper than this are refused.
const DEEPEST: usize = 64;

/// Reads a query.
///
/// # Errors
/// It is no PromQL, or a part of PromQL that is not simulated.
pub(crate) fn parse(query: &str) -> Result<Expr, QueryError> {
    let mut parser = Parser { words: words(query)?, at: 0, depth: 0 };
    if parser.peek() == &Token::End {
        return Err(QueryError::Syntax(0, "no expression found in input".to_owned()));
    }
    let expr = parser.binary(0)?;
    match parser.peek() {
        Token::End => Ok(expr),
        _ => Err(parser.unexpected("")),
    }
}

struct Parser {
    words: Vec<(usize, Token)>,
    at: usize,
    depth: usize,
}

type Parsed<T> = Result<T, QueryError>;

impl Parser {
    fn peek(&self) -> &Token {
        self.words.get(self.at).map_or(&Token::End, |(_, token)| token)
    }

    fn place(&self) -> usize {
        self.words.get(self.at).or(self.words.last()).map_or(0, |(at, _)| *at)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn takes(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Token::Sign(s) if *s == sign);
        self.at += usize::from(found);
        found
    }

    fn keyword(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Token::Name(name) if name.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn wants(&mut self, sign: &str, context: &str) -> Parsed<()> {
        if self.takes(sign) { Ok(()) } else { Err(self.unexpected(context)) }
    }

    fn unexpected(&self, context: &str) -> QueryError {
        let context = if context.is_empty() { String::new() } else { format!(" in {context}") };
        let what = match self.peek() {
            Token::End if context == " in parentheses" => return self.syntax("unclosed left parenthesis"),
            Token::End => "end of input".to_owned(),
            Token::Name(name) => format!("identifier \"{name}\""),
            Token::Number(number) => format!("number \"{number}\""),
            Token::Duration(_) => "duration".to_owned(),
            Token::Text(text) => format!("string \"{text}\""),
            Token::Sign(sign) => format!("\"{sign}\""),
        };
        self.syntax(format!("unexpected {what}{context}"))
    }

    fn syntax(&self, message: impl Into<String>) -> QueryError {
        QueryError::Syntax(self.place(), message.into())
    }

    /// Binary operations by precedence climbing.
    fn binary(&mut self, least: u8) -> Parsed<Expr> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(QueryError::unsupported(format!("queries nested deeper than {DEEPEST}")));
        }
        let mut left = self.unary()?;
        while let Some(operation) = self.operation().filter(|operation| operation.precedence() >= least) {
            let place = self.place();
            self.at += 1;
            let yields_bool = self.keyword("bool");
            if yields_bool && !operation.compares() {
                return Err(QueryError::Syntax(place, "bool modifier can only be used on comparison operators".to_owned()));
            }
            let matching = self.matching()?;
            let right = self.binary(operation.precedence() + u8::from(operation != Operation::Power))?;
            left = combine(place, operation, left, right, yields_bool, matching)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operation(&self) -> Option<Operation> {
        match self.peek() {
            Token::Sign(sign) => Operation::of(sign),
            Token::Name(name) => Operation::of(&name.to_ascii_lowercase()),
            _ => None,
        }
    }

    fn matching(&mut self) -> Parsed<Matching> {
        let matching = if self.keyword("on") {
            Matching::On(self.labels()?)
        } else if self.keyword("ignoring") {
            Matching::Ignoring(self.labels()?)
        } else {
            return Ok(Matching::All);
        };
        if self.keyword("group_left") || self.keyword("group_right") {
            return Err(QueryError::unsupported("group_left and group_right"));
        }
        Ok(matching)
    }

    fn labels(&mut self) -> Parsed<Vec<String>> {
        self.wants("(", "grouping opts")?;
        let mut labels = Vec::new();
        while !self.takes(")") {
            match self.next() {
                Token::Name(name) => labels.push(name),
                _ => {
                    self.at -= 1;
                    return Err(self.unexpected("grouping opts"));
                }
            }
            if !self.takes(",") {
                self.wants(")", "grouping opts")?;
                break;
            }
        }
        Ok(labels)
    }

    fn unary(&mut self) -> Parsed<Expr> {
        while self.takes("+") {}
        let place = self.place();
        if self.takes("-") {
            // Binds closer than everything but a power.
            let of = self.binary(Operation::Power.precedence())?;
            return match of.kind() {
                Kind::Scalar | Kind::Vector => Ok(Expr::Negate(Box::new(of))),
                kind => {
                    let message =
                        format!("unary expression only allowed on expressions of type scalar or instant vector, got \"{kind}\"");
                    Err(QueryError::Syntax(place, message))
                }
            };
        }
        let primary = self.primary()?;
        self.modifiers(primary)
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let place = self.place();
        match self.next() {
            Token::Number(number) => Ok(Expr::Number(number)),
            Token::Text(text) => Ok(Expr::Text(text)),
            Token::Sign("(") => {
                let inner = self.binary(0)?;
                self.wants(")", "parentheses")?;
                Ok(inner)
            }
            Token::Sign("{") => {
                self.at -= 1;
                let matchers = self.matchers()?;
                if matchers.iter().all(|matcher| matcher.matches("")) {
                    return Err(QueryError::Syntax(
                        place,
                        "vector selector must contain at least one non-empty matcher".to_owned(),
                    ));
                }
                Ok(Expr::Selector { matchers, range: None, offset: 0 })
            }
            Token::Name(name) => self.named(place, name),
            _ => {
                self.at -= 1;
                Err(self.unexpected(""))
            }
        }
    }

    fn named(&mut self, place: usize, name: String) -> Parsed<Expr> {
        let next = self.peek().clone();
        let grouped = matches!(&next, Token::Name(word) if ["by", "without"].contains(&word.to_ascii_lowercase().as_str()));
        if next == Token::Sign("(") || grouped {
            if let Some(operation) = Aggregation::of(&name.to_ascii_lowercase()) {
                return self.aggregation(place, operation);
            }
            if function::unsupported_aggregations().contains(&name.as_str()) {
                return Err(QueryError::unsupported(format!("the aggregation {name}")));
            }
            if next == Token::Sign("(") {
                return self.call(place, &name);
            }
        }
        let mut matchers = vec![Matcher { name: "__name__".to_owned(), value: name, pattern: None, negated: false }];
        if self.peek() == &Token::Sign("{") {
            matchers.extend(self.matchers()?);
        }
        Ok(Expr::Selector { matchers, range: None, offset: 0 })
    }

    fn matchers(&mut self) -> Parsed<Vec<Matcher>> {
        self.wants("{", "label matching")?;
        let mut matchers = Vec::new();
        while !self.takes("}") {
            let Token::Name(name) = self.next() else {
                self.at -= 1;
                return Err(self.unexpected("label matching, expected identifier or \"}\""));
            };
            let (regex, negated) = match self.next() {
                Token::Sign("=") => (false, false),
                Token::Sign("!=") => (false, true),
                Token::Sign("=~") => (true, false),
                Token::Sign("!~") => (true, true),
                _ => {
                    self.at -= 1;
                    return Err(self.unexpected("label matching, expected label matching operator"));
                }
            };
            let place = self.place();
            let Token::Text(value) = self.next() else {
                self.at -= 1;
                return Err(self.unexpected("label matching, expected string"));
            };
            let pattern = if regex {
                let anchored = format!("^(?s:{value})$");
                Some(
                    regex::Regex::new(&anchored)
                        .map_err(|wrong| QueryError::Syntax(place, format!("error parsing regexp: {wrong}")))?,
                )
            } else {
                None
            };
            matchers.push(Matcher { name, value, pattern, negated });
            if !self.takes(",") {
                self.wants("}", "label matching")?;
                break;
            }
        }
        Ok(matchers)
    }

    /// Ranges and offsets after a selector.
    fn modifiers(&mut self, mut expr: Expr) -> Parsed<Expr> {
        loop {
            let place = self.place();
            if self.takes("[") {
                let Token::Duration(length) = self.next() else {
                    self.at -= 1;
                    return Err(self.unexpected("range, expected duration"));
                };
                if self.peek() == &Token::Sign(":") {
                    return Err(QueryError::unsupported("subqueries"));
                }
                self.wants("]", "range")?;
                match &mut expr {
                    Expr::Selector { range: range @ None, .. } if length > 0 => *range = Some(length),
                    Expr::Selector { range: None, .. } => {
                        return Err(QueryError::Syntax(place, "duration must be greater than 0".to_owned()));
                    }
                    _ => return Err(QueryError::Syntax(place, "ranges only allowed for vector selectors".to_owned())),
                }
            } else if self.keyword("offset") {
                let back = if self.takes("-") { -1 } else { 1 };
                let Token::Duration(length) = self.next() else {
                    self.at -= 1;
                    return Err(self.unexpected("offset, expected duration"));
                };
                match &mut expr {
                    Expr::Selector { offset, .. } => *offset = length * back,
                    _ => return Err(QueryError::Syntax(
                        place,
                        "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery"
                            .to_owned(),
                    )),
                }
            } else if self.takes("@") {
                return Err(QueryError::unsupported("the @ modifier"));
            } else {
                return Ok(expr);
            }
        }
    }

    fn arguments(&mut self) -> Parsed<Vec<Expr>> {
        self.wants("(", "")?;
        let mut arguments = Vec::new();
        while !self.takes(")") {
            arguments.push(self.binary(0)?);
            if !self.takes(",") {
                self.wants(")", "parentheses")?;
                break;
            }
        }
        Ok(arguments)
    }

    fn aggregation(&mut self, place: usize, operation: Aggregation) -> Parsed<Expr> {
        let before = self.grouping()?;
        let mut arguments = self.arguments()?;
        let grouping = match before {
            Some(grouping) => grouping,
            None => self.grouping()?.unwrap_or_default(),
        };
        let wanted = if operation.takes_parameter() { 2 } else { 1 };
        if arguments.len() != wanted {
            let message = format!(
                "wrong number of arguments for aggregate expression provided, expected {wanted}, got {}",
                arguments.len()
            );
            return Err(QueryError::Syntax(place, message));
        }
        let of = arguments.pop().unwrap_or(Expr::Number(0.0));
        if of.kind() != Kind::Vector {
            let message = format!("expected type instant vector in aggregation expression, got {}", of.kind());
            return Err(QueryError::Syntax(place, message));
        }
        let parameter = arguments.pop().map(Box::new);
        Ok(Expr::Aggregate { operation, grouping, parameter, of: Box::new(of) })
    }

    fn grouping(&mut self) -> Parsed<Option<Grouping>> {
        let without = if self.keyword("by") {
            false
        } else if self.keyword("without") {
            true
        } else {
            return Ok(None);
        };
        Ok(Some(Grouping { without, labels: self.labels()? }))
    }

    fn call(&mut self, place: usize, name: &str) -> Parsed<Expr> {
        let Some(function) = function::find(name) else {
            return Err(if function::is_known(name) {
                QueryError::unsupported(format!("the function {name}"))
            } else {
                QueryError::Syntax(place, format!("unknown function with name \"{name}\""))
            });
        };
        let arguments = self.arguments()?;
        if arguments.len() < function.least || arguments.len() > function.takes.len() {
            let message = format!("expected {} argument(s) in call to \"{name}\", got {}", function.takes.len(), arguments.len());
            return Err(QueryError::Syntax(place, message));
        }
        for (wanted, argument) in function.takes.iter().zip(&arguments) {
            if argument.kind() != *wanted {
                let message = format!("expected type {wanted} in call to function \"{name}\", got {}", argument.kind());
                return Err(QueryError::Syntax(place, message));
            }
        }
        Ok(Expr::Call { function, arguments })
    }
}

fn combine(place: usize, operation: Operation, left: Expr, right: Expr, yields_bool: bool, matching: Matching) -> Parsed<Expr> {
    let kinds = (left.kind(), right.kind());
    let fits = |kind| matches!(kind, Kind::Scalar | Kind::Vector);
    let problem = if !fits(kinds.0) || !fits(kinds.1) {
        "binary expression must contain only scalar and instant vector types"
    } else if operation.is_set() && kinds != (Kind::Vector, Kind::Vector) {
        "set operator not allowed in binary scalar expression"
    } else if kinds == (Kind::Scalar, Kind::Scalar) && operation.compares() && !yields_bool {
        "comparisons between scalars must use BOOL modifier"
    } else if matching != Matching::All && kinds != (Kind::Vector, Kind::Vector) {
        "vector matching only allowed between instant vectors"
    } else {
        let (left, right) = (Box::new(left), Box::new(right));
        return Ok(Expr::Binary { operation, left, right, yields_bool, matching });
    };
    Err(QueryError::Syntax(place, problem.to_owned()))
}
