//! Refusals in the form the API server gives them.

use serde_json::{Value, json};

use crate::world::cluster::resource::Resource;

/// A refusal: a `Status` with its code.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    /// HTTP status.
    pub(crate) code: u16,
    reason: &'static str,
    message: String,
    details: Value,
}

impl Refusal {
    /// A refusal without details.
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Value::Null }
    }

    fn about(code: u16, reason: &'static str, resource: &Resource, name: &str, message: String) -> Self {
        let mut details = json!({"name": name});
        if !resource.group.is_empty() {
            details["group"] = resource.group.into();
        }
        details["kind"] = resource.plural.into();
        Self { code, reason, message, details }
    }

    /// 404 for an object.
    pub(crate) fn not_found(resource: &Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", resource.qualified());
        Self::about(404, "NotFound", resource, name, message)
    }

    /// 404 for a path nobody answers.
    pub(crate) fn no_such_path() -> Self {
        Self { details: json!({}), ..Self::new(404, "NotFound", "the server could not find the requested resource") }
    }

    /// 409 because the object has changed since.
    pub(crate) fn conflict(resource: &Resource, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", resource.qualified());
        Self::about(409, "Conflict", resource, name, message)
    }

    /// 409 because the object is another than was meant.
    pub(crate) fn other_object(resource: &Resource, name: &str, asked: &str, found: &str) -> Self {
        let why = format!("Precondition failed: UID in precondition: {asked}, UID in object meta: {found}");
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", resource.qualified());
        Self::about(409, "Conflict", resource, name, message)
    }

    /// 409 because there is one of that name.
    pub(crate) fn exists(resource: &Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", resource.qualified());
        Self::about(409, "AlreadyExists", resource, name, message)
    }

    /// 422 because the object would not be valid.
    pub(crate) fn invalid(resource: &Resource, name: &str, field: &str, problem: &str) -> Self {
        let group = if resource.group.is_empty() { String::new() } else { format!(".{}", resource.group) };
        let message = format!("{}{group} \"{name}\" is invalid: {field}: {problem}", resource.name);
        let mut refusal = Self::about(422, "Invalid", resource, name, message);
        refusal.details["kind"] = resource.name.into();
        refusal.details["causes"] = json!([{"reason": "FieldValueInvalid", "message": problem, "field": field}]);
        refusal
    }

    /// 409 because others own fields that an apply would change: who, whether by apply, in
    /// which version, which field.
    pub(crate) fn owned(conflicts: &[(String, bool, String, String)]) -> Self {
        let owner = |(manager, applied, version, _): &(String, bool, String, String)| match applied {
            true => format!("\"{manager}\""),
            false => format!("\"{manager}\" using {version}"),
        };
        let message = match conflicts {
            [one] => format!("conflict with {}: {}", owner(one), one.3),
            _ => {
                let mut owners: Vec<String> = conflicts.iter().map(owner).collect();
                owners.dedup();
                let fields = |who: &String| {
                    let theirs = conflicts.iter().filter(|one| owner(one) == *who).map(|one| format!("\n- {}", one.3));
                    format!("conflicts with {who}:{}", theirs.collect::<String>())
                };
                owners.iter().map(fields).collect::<Vec<_>>().join("\n")
            }
        };
        let word = if conflicts.len() == 1 { "conflict" } else { "conflicts" };
        let causes: Vec<Value> = conflicts
            .iter()
            .map(|one| {
                let message = format!("conflict with {}", owner(one));
                json!({"reason": "FieldManagerConflict", "message": message, "field": one.3})
            })
            .collect();
        let message = format!("Apply failed with {} {word}: {message}", conflicts.len());
        Self { details: json!({"causes": causes}), ..Self::new(409, "Conflict", message) }
    }

    /// 422 because a JSON patch does not apply, a failed `test` among other reasons.
    pub(crate) fn patch_failed(why: &str) -> Self {
        let details = json!({"causes": [{"reason": "UnexpectedServerResponse", "message": why}]});
        Self { details, ..Self::new(422, "Invalid", "the server rejected our request due to an error in our request") }
    }

    /// 403 because the permission is missing.
    pub(crate) fn forbidden(verb: &str, resource: &Resource, sub: &str, namespace: &str, name: &str) -> Self {
        let place =
            if namespace.is_empty() { "at the cluster scope".to_owned() } else { format!("in the namespace \"{namespace}\"") };
        let qualified = resource.qualified();
        let named = if name.is_empty() { String::new() } else { format!(" \"{name}\"") };
        let message = format!(
            "{qualified}{named} is forbidden: User \"rehearsal\" cannot {verb} resource \"{}{}{sub}\" in API group \"{}\" {place}",
            resource.plural,
            if sub.is_empty() { "" } else { "/" },
            resource.group
        );
        Self::about(403, "Forbidden", resource, name, message)
    }

    /// 401 because the login has expired.
    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// 405 because the path is not for this.
    pub(crate) fn not_allowed() -> Self {
        Self::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
    }

    /// 410 because what a watch or the next page of a list asks for is no longer kept.
    pub(crate) fn expired(asked: u64, oldest: u64) -> Self {
        Self::new(410, "Expired", format!("too old resource version: {asked} ({oldest})"))
    }

    /// The `Status` object.
    pub(crate) fn body(&self) -> Value {
        let mut body = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        });
        if !self.details.is_null() {
            body["details"] = self.details.clone();
        }
        body["code"] = self.code.into();
        body
    }
}
