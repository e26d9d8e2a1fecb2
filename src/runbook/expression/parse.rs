//! From text to what is evaluated: CEL's tree, with our own arithmetic put in.
//!
//! The tree is cut at `&&`, `||`, `!` and `? :`, which are evaluated here in three
//! values; what lies between is left to CEL. In it every path becomes a variable of its
//! own (`@0`, `@1`, …), so that a reading that cannot be had is known before CEL runs.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::common::types::CelDouble;
use cel::parser::PrattParser;

use super::eval::{Leaf, Node, Slot};
use super::{ExprError, MAX_LENGTH, functions, token};

/// Brackets, unary operators and operators in a row that a reader could still follow.
const MAX_DEPTH: usize = 64;

/// An expression and what it reads.
pub(super) struct Parsed {
    pub(super) node: Node,
    pub(super) references: Vec<Read>,
}

/// A path that is read, and its bytes in the expression.
pub(super) struct Read {
    pub(super) path: Vec<String>,
    pub(super) tested: bool,
    pub(super) range: Range<usize>,
}

/// Parses an expression.
pub(super) fn parse(source: &str) -> Result<Parsed, ExprError> {
    if source.trim().is_empty() {
        return Err(error("the expression is empty", 0));
    }
    if source.len() > MAX_LENGTH {
        return Err(error(format!("the expression is longer than {MAX_LENGTH} bytes"), 0));
    }
    if token::nesting(&token::tokens(source)) > MAX_DEPTH / 2 {
        return Err(error("the expression is nested too deep", 0));
    }
    // The parser is not ours: should it ever panic, that is a mistake in the expression,
    // not the end of the program.
    let parsed = catch_unwind(AssertUnwindSafe(|| PrattParser::new().parse(source)))
        .map_err(|_| error("the expression cannot be read", 0))?;
    let tree = parsed.map_err(|errors| syntax_error(source, &errors))?;
    if deeper_than(&tree, MAX_DEPTH) {
        return Err(error("the expression is nested too deep", 0));
    }
    let mut rewriter = Rewriter { reads: Vec::new() };
    let node = rewriter.node(tree)?;
    Ok(Parsed { node, references: places(source, rewriter.reads) })
}

fn error(message: impl Into<String>, offset: usize) -> ExprError {
    ExprError { message: message.into(), offset, hint: None }
}

/// The first error of CEL's parser, in our words where the cause is a known one.
fn syntax_error(source: &str, errors: &cel::ParseErrors) -> ExprError {
    let first = errors.errors.iter().find(|e| e.pos.0 > 0).or(errors.errors.first());
    let Some(first) = first else { return error("the expression cannot be read", 0) };
    let line_start: usize = source.split_inclusive('\n').take(usize::try_from(first.pos.0 - 1).unwrap_or(0)).map(str::len).sum();
    let offset = (line_start + usize::try_from(first.pos.1 - 1).unwrap_or(0)).min(source.len());
    let message = first.msg.strip_prefix("Syntax error: ").unwrap_or(&first.msg);
    let message = message.replace('\n', " ");
    // "mismatched input 'x' expecting <EOF>"
    let parts = message.strip_prefix("mismatched input '").and_then(|rest| rest.split_once("' expecting "));
    let message = match parts {
        Some(("<EOF>" | "", _)) => "it ends too soon".to_owned(),
        Some((found, _)) => format!("`{found}` is not expected here"),
        None => message.replace("<EOF>", "the end"),
    };
    ExprError { message: format!("not an expression: {message}"), offset, hint: syntax_hint(source) }
}

/// What people write who think of another language.
fn syntax_hint(source: &str) -> Option<String> {
    let tokens = token::tokens(source);
    let text = |i: usize| tokens.get(i).and_then(|t: &token::Token| source.get(t.range.clone())).unwrap_or_default();
    for (i, token) in tokens.iter().enumerate() {
        let touches_next = tokens.get(i + 1).is_some_and(|next| next.range.start == token.range.end);
        let touches_last = i > 0 && tokens[i - 1].range.end == token.range.start;
        let hint = match (text(i), token.kind) {
            ("and", _) => "write `&&` for and".to_owned(),
            ("or", _) => "write `||` for or".to_owned(),
            ("not", _) => "write `!` for not".to_owned(),
            ("=", _)
                if !(touches_last && matches!(text(i - 1), "=" | "!" | "<" | ">")) && !(touches_next && text(i + 1) == "=") =>
            {
                "write `==` to compare".to_owned()
            }
            ("$", _) => "an expression stands without `${{ }}` here".to_owned(),
            (number, token::Kind::Number) if number.ends_with(['s', 'm', 'h', 'd']) => format!("write `duration('{number}')`"),
            (number, token::Kind::Number) if text(i + 1) == "%" && tokens.get(i + 2).is_none() => {
                format!("write the number alone: `{number}`")
            }
            _ => continue,
        };
        return Some(hint);
    }
    None
}

/// Gives every read its place: the n-th read of a path is its n-th appearance.
fn places(source: &str, reads: Vec<(Vec<String>, bool)>) -> Vec<Read> {
    let chains = token::chains(source);
    let mut taken = vec![false; chains.len()];
    let place = |path: &[String], taken: &mut Vec<bool>| {
        let fits = |(i, chain): &(usize, &token::Chain)| !taken[*i] && chain.parts.starts_with(path);
        let Some((i, chain)) = chains.iter().enumerate().find(fits) else { return 0..source.len() };
        taken[i] = true;
        chain.range(path.len())
    };
    reads.into_iter().map(|(path, tested)| Read { range: place(&path, &mut taken), path, tested }).collect()
}

/// Whether the tree is deeper than `limit`; looks no further than that.
fn deeper_than(tree: &IdedExpr, limit: usize) -> bool {
    let Some(limit) = limit.checked_sub(1) else { return true };
    let any = |items: &[IdedExpr]| items.iter().any(|e| deeper_than(e, limit));
    match &tree.expr {
        Expr::Call(call) => call.target.as_deref().is_some_and(|t| deeper_than(t, limit)) || any(&call.args),
        Expr::Select(select) => deeper_than(&select.operand, limit),
        Expr::List(list) => any(&list.elements),
        Expr::Map(map) => map.entries.iter().any(|entry| match &entry.expr {
            EntryExpr::MapEntry(e) => deeper_than(&e.key, limit) || deeper_than(&e.value, limit),
            EntryExpr::StructField(e) => deeper_than(&e.value, limit),
        }),
        Expr::Comprehension(c) => {
            [&c.iter_range, &c.accu_init, &c.loop_cond, &c.loop_step, &c.result].into_iter().any(|e| deeper_than(e, limit))
        }
        Expr::Struct(_) | Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => false,
    }
}

struct Rewriter {
    /// Every path read so far, in the order of the tree.
    reads: Vec<(Vec<String>, bool)>,
}

impl Rewriter {
    /// Cuts the tree at the operators that are evaluated here.
    fn node(&mut self, tree: IdedExpr) -> Result<Node, ExprError> {
        let Expr::Call(call) = tree.expr else { return self.leaf(tree) };
        let mut args = call.args.into_iter();
        match (call.func_name.as_str(), args.next(), args.next(), args.next()) {
            (operators::LOGICAL_AND, Some(a), Some(b), None) => Ok(Node::And(Box::new(self.node(a)?), Box::new(self.node(b)?))),
            (operators::LOGICAL_OR, Some(a), Some(b), None) => Ok(Node::Or(Box::new(self.node(a)?), Box::new(self.node(b)?))),
            (operators::LOGICAL_NOT, Some(a), None, None) => Ok(Node::Not(Box::new(self.node(a)?))),
            (operators::CONDITIONAL, Some(c), Some(a), Some(b)) => {
                Ok(Node::Choose(Box::new(self.node(c)?), Box::new(self.node(a)?), Box::new(self.node(b)?)))
            }
            (_, a, b, c) => {
                let args = [a, b, c].into_iter().flatten().chain(args).collect();
                self.leaf(IdedExpr {
                    id: tree.id,
                    expr: Expr::Call(CallExpr { args, ..call_head(&call.func_name, call.target) }),
                })
            }
        }
    }

    fn leaf(&mut self, mut tree: IdedExpr) -> Result<Node, ExprError> {
        let mut slots = Vec::new();
        self.rewrite(&mut tree, &mut slots, &mut Vec::new())?;
        Ok(Node::Leaf(Box::new(Leaf { tree, slots })))
    }

    fn rewrite(&mut self, tree: &mut IdedExpr, slots: &mut Vec<Slot>, bound: &mut Vec<String>) -> Result<(), ExprError> {
        if let Some((path, tested)) = read_path(tree, bound) {
            self.reads.push((path.clone(), tested));
            let known = slots.iter().position(|s| s.path == path && s.tested == tested);
            let slot = known.unwrap_or_else(|| {
                slots.push(Slot { name: format!("@{}", slots.len()), path, tested });
                slots.len() - 1
            });
            tree.expr = Expr::Ident(slots[slot].name.clone());
            return Ok(());
        }
        match &mut tree.expr {
            Expr::Literal(literal) => rewrite_literal(literal),
            Expr::Call(_) => self.rewrite_call(tree, slots, bound),
            Expr::Select(select) => self.rewrite(&mut select.operand, slots, bound),
            Expr::List(list) => list.elements.iter_mut().try_for_each(|e| self.rewrite(e, slots, bound)),
            Expr::Map(map) => map.entries.iter_mut().try_for_each(|entry| match &mut entry.expr {
                EntryExpr::MapEntry(e) => {
                    if !matches!(e.key.expr, Expr::Literal(_)) {
                        self.rewrite(&mut e.key, slots, bound)?;
                    }
                    self.rewrite(&mut e.value, slots, bound)
                }
                EntryExpr::StructField(_) => Err(error("objects of a type are not part of the format", 0)),
            }),
            Expr::Comprehension(c) => {
                self.rewrite(&mut c.iter_range, slots, bound)?;
                self.rewrite(&mut c.accu_init, slots, bound)?;
                let outside = bound.len();
                if outside >= 6 {
                    return Err(error("more than two of all, exists, map and filter stand inside one another", 0));
                }
                bound.push(c.iter_var.clone());
                bound.push(c.accu_var.clone());
                bound.extend(c.iter_var2.clone());
                for part in [&mut c.loop_cond, &mut c.loop_step, &mut c.result] {
                    self.rewrite(part, slots, bound)?;
                }
                bound.truncate(outside);
                Ok(())
            }
            Expr::Struct(_) | Expr::Unspecified => Err(error("objects of a type are not part of the format", 0)),
            Expr::Ident(_) => Ok(()),
        }
    }

    fn rewrite_call(&mut self, tree: &mut IdedExpr, slots: &mut Vec<Slot>, bound: &mut Vec<String>) -> Result<(), ExprError> {
        let Expr::Call(call) = &mut tree.expr else { return Ok(()) };
        let name = call.func_name.clone();
        check_call(call)?;
        let against_null = call.args.iter().any(|a| matches!(a.expr, Expr::Literal(LiteralValue::Null)));
        let appends = name == operators::ADD && call.args.iter().any(|a| matches!(a.expr, Expr::List(_)));
        if let Some(target) = &mut call.target {
            self.rewrite(target, slots, bound)?;
        }
        for (i, arg) in call.args.iter_mut().enumerate() {
            let is_index = name == operators::INDEX && i == 1;
            // Lists are indexed by integers, so this one stays what it is.
            if is_index && matches!(arg.expr, Expr::Literal(LiteralValue::Int(_))) {
                continue;
            }
            self.rewrite(arg, slots, bound)?;
            if is_index {
                wrap(arg, functions::INDEX);
            }
        }
        let ours = match name.as_str() {
            operators::DIVIDE => Some(functions::DIVIDE),
            operators::MODULO => Some(functions::REMAINDER),
            operators::EQUALS if !against_null => Some(functions::EQUAL),
            operators::NOT_EQUALS if !against_null => Some(functions::UNEQUAL),
            operators::LESS => Some(functions::LESS),
            operators::LESS_EQUALS => Some(functions::LESS_EQUAL),
            operators::GREATER => Some(functions::GREATER),
            operators::GREATER_EQUALS => Some(functions::GREATER_EQUAL),
            "string" => Some(functions::STRING),
            "duration" => Some(functions::DURATION),
            _ => None,
        };
        if let Some(ours) = ours {
            ours.clone_into(&mut call.func_name);
        } else if gives_number(&name) && !appends {
            wrap(tree, functions::NUMBER);
        }
        Ok(())
    }
}

fn call_head(func_name: &str, target: Option<Box<IdedExpr>>) -> CallExpr {
    CallExpr { func_name: func_name.to_owned(), target, args: Vec::new() }
}

/// Puts a call of one of our functions around a node.
fn wrap(tree: &mut IdedExpr, function: &str) {
    let inside = std::mem::take(tree);
    tree.id = inside.id;
    tree.expr = Expr::Call(CallExpr { func_name: function.to_owned(), target: None, args: vec![inside] });
}

/// Whether a call may give an integer or a number that is not finite.
fn gives_number(name: &str) -> bool {
    matches!(name, operators::ADD | operators::SUBSTRACT | operators::MULTIPLY | "size" | "int" | "double")
        || name.starts_with("get")
}

fn rewrite_literal(literal: &mut LiteralValue) -> Result<(), ExprError> {
    #[expect(clippy::cast_precision_loss, reason = "all numbers are doubles here")]
    let number = match literal {
        LiteralValue::Int(i) => *i.inner() as f64,
        LiteralValue::UInt(u) => *u.inner() as f64,
        LiteralValue::Double(d) => *d.inner(),
        LiteralValue::Bytes(_) => return Err(error("bytes are not part of the format", 0)),
        LiteralValue::Boolean(_) | LiteralValue::Null | LiteralValue::String(_) => return Ok(()),
    };
    if !number.is_finite() {
        return Err(error("a number is too large", 0));
    }
    *literal = LiteralValue::Double(CelDouble::from(number));
    Ok(())
}

/// Refuses functions that do not exist, and patterns that cannot match.
fn check_call(call: &CallExpr) -> Result<(), ExprError> {
    let name = call.func_name.as_str();
    let operator = !name.starts_with(|c: char| c.is_ascii_alphabetic());
    let known = match &call.target {
        None => functions::FUNCTIONS.contains(&name),
        Some(_) => functions::METHODS.contains(&name),
    };
    if matches!(name, operators::OPT_INDEX | operators::OPT_SELECT) {
        return Err(error("optional members (`?`) are not part of the format", 0));
    }
    if !operator && !known {
        return Err(unknown_function(name, call.target.is_some()));
    }
    if name == "matches"
        && let Some(Expr::Literal(LiteralValue::String(pattern))) = call.args.first().map(|a| &a.expr)
        && let Err(why) = regex::Regex::new(pattern.inner())
    {
        return Err(error(format!("the pattern of matches() is not a regular expression: {}", last_line(&why)), 0));
    }
    Ok(())
}

fn unknown_function(name: &str, method: bool) -> ExprError {
    let hint = if functions::MACROS.contains(&name) {
        Some(match name {
            "has" => "has() takes a member: `has(steps.backup.snapshot)`".to_owned(),
            _ => format!("{name}() is called on a list with a name and a condition: `list.{name}(x, x > 0)`"),
        })
    } else if method && functions::FUNCTIONS.contains(&name) {
        Some(format!("write `{name}(..)` around the value"))
    } else if !method && functions::METHODS.contains(&name) {
        Some(format!("call it on a value: `x.{name}(..)`"))
    } else {
        None
    };
    let message = if functions::MACROS.contains(&name) {
        format!("{name}() is called wrongly")
    } else {
        format!("there is no function `{name}`")
    };
    ExprError { message, offset: 0, hint }
}

/// The last line of a regex error, which is the one that says what is wrong.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// The path a node spells, if its root is not bound by a macro: `a.b`, `a['b']`, and
/// `has(a.b)`.
fn read_path(tree: &IdedExpr, bound: &[String]) -> Option<(Vec<String>, bool)> {
    let mut path = Vec::new();
    let mut tested = false;
    let mut tree = tree;
    loop {
        match &tree.expr {
            Expr::Ident(name) => {
                if bound.contains(name) || name.starts_with('@') {
                    return None;
                }
                path.push(name.trim_start_matches('.').to_owned());
                path.reverse();
                return Some((path, tested));
            }
            Expr::Select(select) => {
                if select.test {
                    if !path.is_empty() {
                        return None;
                    }
                    tested = true;
                }
                path.push(select.field.clone());
                tree = &select.operand;
            }
            Expr::Call(call) if call.func_name == operators::INDEX => {
                let [operand, index] = call.args.as_slice() else { return None };
                let Expr::Literal(LiteralValue::String(key)) = &index.expr else { return None };
                path.push(key.inner().to_owned());
                tree = operand;
            }
            _ => return None,
        }
    }
}
