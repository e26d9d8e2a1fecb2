//! Evaluation: three-valued logic on top, CEL in the leaves.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cel::Value as Cel;
use cel::common::ast::{Expr, IdedExpr};

use super::super::value::Value;
use super::functions::{ROOT, boxed, from_cel, message, to_cel};
use super::{Scope, Truth};

/// An expression cut at the operators whose operands may be unknown.
pub(super) enum Node {
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    /// `condition ? yes : no`
    Choose(Box<Node>, Box<Node>, Box<Node>),
    Leaf(Box<Leaf>),
}

/// An operand: all that it reads must be there, or it is unknown.
pub(super) struct Leaf {
    pub(super) tree: IdedExpr,
    pub(super) slots: Vec<Slot>,
}

/// A path of a leaf and the variable that stands for it.
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) path: Vec<String>,
    /// `has(path)`: whether there is a value.
    pub(super) tested: bool,
}

/// The value, or every reason why there is none.
pub(super) fn value(node: &Node, scope: &dyn Scope) -> Result<Value, Vec<String>> {
    match node {
        Node::Leaf(leaf) => leaf_value(leaf, scope),
        Node::Choose(condition, yes, no) => match truth(condition, scope) {
            Truth::True => value(yes, scope),
            Truth::False => value(no, scope),
            Truth::Unknown(reasons) => Err(reasons),
        },
        _ => match truth(node, scope) {
            Truth::True => Ok(Value::Bool(true)),
            Truth::False => Ok(Value::Bool(false)),
            Truth::Unknown(reasons) => Err(reasons),
        },
    }
}

/// Whether it holds, by Kleene's tables.
pub(super) fn truth(node: &Node, scope: &dyn Scope) -> Truth {
    match node {
        Node::And(a, b) => match truth(a, scope) {
            Truth::False => Truth::False,
            Truth::True => truth(b, scope),
            Truth::Unknown(mut reasons) => match truth(b, scope) {
                Truth::False => Truth::False,
                Truth::True => Truth::Unknown(reasons),
                Truth::Unknown(more) => {
                    reasons.extend(more);
                    Truth::Unknown(reasons)
                }
            },
        },
        Node::Or(a, b) => match truth(a, scope) {
            Truth::True => Truth::True,
            Truth::False => truth(b, scope),
            Truth::Unknown(mut reasons) => match truth(b, scope) {
                Truth::True => Truth::True,
                Truth::False => Truth::Unknown(reasons),
                Truth::Unknown(more) => {
                    reasons.extend(more);
                    Truth::Unknown(reasons)
                }
            },
        },
        Node::Not(a) => match truth(a, scope) {
            Truth::True => Truth::False,
            Truth::False => Truth::True,
            unknown @ Truth::Unknown(_) => unknown,
        },
        Node::Choose(..) | Node::Leaf(_) => match value(node, scope) {
            Ok(Value::Bool(true)) => Truth::True,
            Ok(Value::Bool(false)) => Truth::False,
            Ok(other) => Truth::Unknown(vec![format!("`{other}` is neither true nor false")]),
            Err(reasons) => Truth::Unknown(reasons),
        },
    }
}

fn leaf_value(leaf: &Leaf, scope: &dyn Scope) -> Result<Value, Vec<String>> {
    let values = read(leaf, scope)?;
    if let (Expr::Ident(_), [value]) = (&leaf.tree.expr, values.as_slice()) {
        // A path alone needs no CEL, and its value is checked all the same.
        return to_cel(value).map(|_| value.clone()).map_err(|why| vec![format!("{}: {why}", name(leaf, 0))]);
    }
    let mut context = ROOT.new_inner_scope();
    for (i, (slot, value)) in leaf.slots.iter().zip(&values).enumerate() {
        let value = to_cel(value).and_then(boxed).map_err(|why| vec![format!("{}: {why}", name(leaf, i))])?;
        context.add_variable_as_val(slot.name.clone(), value);
    }
    // The evaluator is not ours: should it ever panic, the operand is unknown.
    let result = catch_unwind(AssertUnwindSafe(|| Cel::resolve(&leaf.tree, &context)));
    let result = result.map_err(|_| vec!["the expression cannot be evaluated".to_owned()])?;
    let result = result.map_err(|error| vec![message(&error)])?;
    from_cel(&result).map_err(|why| vec![why])
}

/// The values of all slots, or why each missing one is missing.
fn read(leaf: &Leaf, scope: &dyn Scope) -> Result<Vec<Value>, Vec<String>> {
    let mut values = Vec::with_capacity(leaf.slots.len());
    let mut reasons = Vec::new();
    for slot in &leaf.slots {
        match scope.get(&slot.path) {
            found if slot.tested => values.push(Value::Bool(found.is_ok_and(|v| v != Value::Null))),
            Ok(value) => values.push(value),
            Err(unknown) => reasons.push(unknown.0),
        }
    }
    if reasons.is_empty() { Ok(values) } else { Err(reasons) }
}

fn name(leaf: &Leaf, slot: usize) -> String {
    leaf.slots.get(slot).map(|s| s.path.join(".")).unwrap_or_default()
}
