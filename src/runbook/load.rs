//! From a path or an id to a checked bundle: a runbook and every file it uses.
//!
//! A bundle is what a session runs, as it was read once: the runbook, the files it calls,
//! the scripts it starts and the manifests it applies, each by hash. Paths stay inside
//! the folder of the runbook; only ordinary files below a size are read, so that neither a
//! device nor a pipe can make this wait. Nothing of a bundle is run here.

mod file;
mod library;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::check::{self, File, Files};
use super::diagnostic::{self, Collector, Diagnostic, Sources};
use super::model::{
    Action, CallTarget, Choices, InputKind, Kubernetes, Program, Runbook, SecretSource, SignalSource, Step, TextOrSecret, Undo,
};
use super::span::Span;
use super::{lower, tree};

pub use file::{Folder, LoadError, Loader, MAX_BUNDLE_FILE};
pub use library::{Library, library};

/// A runbook and every file it uses, read and checked.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The runbook.
    pub root: Arc<Runbook>,
    /// Its path within the bundle: its file name.
    pub root_path: String,
    /// Every file, sorted by path.
    pub files: Vec<BundleFile>,
    /// The runbooks it calls, directly or not, by path within the bundle.
    pub called: BTreeMap<String, Arc<Runbook>>,
    /// SHA-256, in hex, over the files as `sha256sum` would list them: a line
    /// `<sha256>  <path>` for each, sorted by path.
    pub sha256: String,
    /// Where it came from.
    pub origin: Origin,
    /// Warnings and advice.
    pub warnings: Vec<Diagnostic>,
}

/// Where a bundle came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A folder; relative paths of commands start there.
    Folder(PathBuf),
    /// The shipped library.
    Library,
}

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleFile {
    /// Path relative to the runbook's folder, with `/`.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// SHA-256 of its content, in hex.
    pub sha256: String,
}

/// All that `check` has to say about a runbook and the files it calls.
#[derive(Debug, Clone)]
pub struct CheckReport {
    /// What was found, sorted by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// The sources it points into.
    pub sources: Sources,
    /// The bundle, where there is no error.
    pub bundle: Option<Bundle>,
}

impl CheckReport {
    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|d| d.is_error()).count()
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.diagnostics.iter().filter(|d| d.severity == diagnostic::Severity::Warning).count()
    }
}

/// Loads a runbook by path, or by id from the shipped library.
///
/// A name is an id if it has neither a `/` nor an extension and no such file exists.
///
/// # Errors
/// Everything that is wrong, warnings included, in the order of the files.
pub fn load(name: &str) -> Result<Bundle, Box<CheckReport>> {
    let mut report = check_named(name);
    report.bundle.take().ok_or_else(|| Box::new(report))
}

/// Checks a runbook by path, or by id from the shipped library.
pub fn check_named(name: &str) -> CheckReport {
    let is_id = !name.contains(['/', '\\', '.']) && !Path::new(name).exists();
    if !is_id {
        return check_path(Path::new(name));
    }
    let file = format!("{name}.yaml");
    if Library.read(&file).is_ok() {
        return check_with(&Library, &file, |path| format!("library:{path}"), Origin::Library);
    }
    let ids: Vec<&str> =
        library().iter().filter_map(|(path, _)| path.strip_suffix(".yaml")).filter(|p| !p.contains('/')).collect();
    let hint = match meant(name, &ids)[..] {
        [] => "name a file by its path, or one of the library, such as `canary-deploy`; `pacenote` alone lists those".to_owned(),
        [one] => format!("did you mean `{one}`?"),
        ref several => format!("did you mean one of `{}`?", several.join("`, `")),
    };
    let missing = Diagnostic::of_file("unreadable", name, format!("there is no runbook `{name}`, as a file or in the library"))
        .with_hint(hint);
    CheckReport { diagnostics: vec![missing], sources: Sources::new(), bundle: None }
}

/// What of the library somebody may have meant: one spelt much like it, else the first few
/// it is a part of.
fn meant<'a>(name: &str, ids: &[&'a str]) -> Vec<&'a str> {
    const MOST: usize = 3;
    let part_of = ids.iter().copied().filter(|id| name.len() > 2 && id.contains(name)).take(MOST);
    diagnostic::nearest(name, ids.iter().copied()).map_or_else(|| part_of.collect(), |near| vec![near])
}

/// Checks the runbook at a path, with every file it calls.
pub fn check_path(path: &Path) -> CheckReport {
    let shown = path.display().to_string();
    let (Some(name), folder) = (path.file_name().and_then(|n| n.to_str()), path.parent().unwrap_or(Path::new(""))) else {
        let error = Diagnostic::of_file("unreadable", &shown, "this names no file").with_hint("give the path of a runbook");
        return CheckReport { diagnostics: vec![error], sources: Sources::new(), bundle: None };
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let prefix = shown.strip_suffix(name).unwrap_or_default().to_owned();
    let loader = Folder::new(folder);
    check_with(&loader, name, |path| format!("{prefix}{path}"), Origin::Folder(folder.to_owned()))
}

/// Checks a runbook that a loader knows. `shown` makes the name of a file for messages.
pub fn check_with(loader: &dyn Loader, root: &str, shown: impl Fn(&str) -> String, origin: Origin) -> CheckReport {
    let mut reading = Reading { loader, shown: &shown, files: Files::new(), read: BTreeMap::new(), collectors: BTreeMap::new() };
    reading.runbook(root, None);
    reading.check(root);
    let Reading { files, read, collectors, .. } = reading;
    let sources = read
        .iter()
        .filter_map(|(path, bytes)| Some((shown(path).into(), std::str::from_utf8(bytes).ok()?.into())))
        .collect::<Sources>();
    let mut diagnostics: Vec<Diagnostic> = collectors.into_values().flat_map(Collector::into_found).collect();
    diagnostic::sort(&mut diagnostics);
    let bundle = match files.get(root) {
        Some(file) if !diagnostics.iter().any(Diagnostic::is_error) => {
            let root_runbook = file.runbook.clone();
            let called = files.iter().filter(|(path, _)| *path != root).map(|(p, f)| (p.clone(), f.runbook.clone())).collect();
            let files: Vec<BundleFile> = read.into_iter().map(|(path, bytes)| bundle_file(path, bytes)).collect();
            let sha256 = hash_of(&files);
            let root_path = root.to_owned();
            Some(Bundle { root: root_runbook, root_path, files, called, sha256, origin, warnings: diagnostics.clone() })
        }
        _ => None,
    };
    CheckReport { diagnostics, sources, bundle }
}

fn bundle_file(path: String, bytes: Vec<u8>) -> BundleFile {
    let sha256 = hex(&Sha256::digest(&bytes));
    BundleFile { path, bytes, sha256 }
}

/// The hash of a list of files, sorted by path.
fn hash_of(files: &[BundleFile]) -> String {
    let list: String = files.iter().map(|f| format!("{}  {}\n", f.sha256, f.path)).collect();
    hex(&Sha256::digest(list.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The path of a file named beside another one, within the bundle; `None` where it
/// would leave it.
pub fn beside(file: &str, written: &str) -> Option<String> {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|p| !p.is_empty()).collect();
    if written.starts_with('/') || written.contains('\\') {
        return None;
    }
    for part in written.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    if parts.is_empty() { None } else { Some(parts.join("/")) }
}

/// The reading of a bundle.
struct Reading<'a> {
    loader: &'a dyn Loader,
    shown: &'a dyn Fn(&str) -> String,
    /// Runbooks, by path.
    files: Files,
    /// Every file's bytes, by path.
    read: BTreeMap<String, Vec<u8>>,
    /// What is wrong with each runbook.
    collectors: BTreeMap<String, Collector>,
}

/// The most files one bundle can have.
const MOST_FILES: usize = 200;

impl Reading<'_> {
    /// Reads a runbook and everything it calls. `from` is where it is called.
    fn runbook(&mut self, path: &str, from: Option<(&str, Span)>) {
        if self.files.contains_key(path) || self.collectors.contains_key(path) && from.is_some() {
            return;
        }
        let Some(bytes) = self.bytes(path, from) else { return };
        let mut collector = Collector::new(&(self.shown)(path));
        let lowered = tree::decode(&bytes, &mut collector).and_then(|source| {
            let root = tree::parse(source, &mut collector)?;
            lower::lower(source, &root, &mut collector)
        });
        self.collectors.insert(path.to_owned(), collector);
        self.read.insert(path.to_owned(), bytes);
        let Some(lowered) = lowered else { return };
        let runbook = Arc::new(lowered.runbook);
        self.files.insert(path.to_owned(), File { runbook: runbook.clone(), lost: lowered.lost });
        for (written, span, kind) in used_files(&runbook) {
            let Some(target) = beside(path, &written) else {
                self.report(
                    path,
                    span,
                    "outside",
                    format!("`{written}` is outside of the runbook's folder"),
                    "keep the files of a runbook beside it, or below",
                );
                continue;
            };
            match kind {
                UsedAs::Runbook => self.runbook(&target, Some((path, span))),
                UsedAs::Program | UsedAs::Manifest if self.read.contains_key(&target) => {}
                UsedAs::Program | UsedAs::Manifest => {
                    if let Some(bytes) = self.bytes(&target, Some((path, span))) {
                        self.read.insert(target, bytes);
                    }
                }
            }
        }
    }

    /// A file's bytes. Why they cannot be had is reported where the file is named.
    fn bytes(&mut self, path: &str, from: Option<(&str, Span)>) -> Option<Vec<u8>> {
        if self.read.len() >= MOST_FILES {
            if let Some((file, span)) = from {
                self.report(
                    file,
                    span,
                    "too-many",
                    format!("a bundle has at most {MOST_FILES} files"),
                    "split it into several runbooks",
                );
            }
            return None;
        }
        let error = match self.loader.read(path) {
            Ok(bytes) => return Some(bytes),
            Err(error) => error,
        };
        match from {
            Some((file, span)) => {
                self.report(file, span, "unreadable", format!("`{path}` cannot be read: {error}"), error.hint())
            }
            None => {
                let shown = (self.shown)(path);
                let mut collector = Collector::new(&shown);
                collector.file_error(Diagnostic::of_file("unreadable", &shown, error.to_string()).with_hint(error.hint()));
                self.collectors.insert(path.to_owned(), collector);
            }
        }
        None
    }

    fn report(&mut self, file: &str, span: Span, code: &'static str, message: String, hint: &str) {
        if let Some(collector) = self.collectors.get_mut(file) {
            collector.error(code, span, message).hint(hint);
        }
    }

    /// Looks across files.
    fn check(&mut self, root: &str) {
        for path in self.files.keys().cloned().collect::<Vec<_>>() {
            if let Some(mut collector) = self.collectors.remove(&path) {
                check::file(&path, root, &self.files, &mut collector);
                self.collectors.insert(path, collector);
            }
        }
        check::cycles(&self.files, &mut self.collectors);
    }
}

/// What a file is used as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UsedAs {
    Runbook,
    Program,
    Manifest,
}

/// Every file a runbook names, as written, and where.
fn used_files(runbook: &Runbook) -> Vec<(String, Span, UsedAs)> {
    let mut used = Used { found: Vec::new() };
    for signal in &runbook.signals {
        if let SignalSource::Command { command, .. } = &signal.source {
            used.command(command);
        }
        if let SignalSource::Http(check) = &signal.source {
            used.secrets(&check.headers, signal.name.span);
        }
    }
    used.inputs(&runbook.inputs);
    for environment in &runbook.environments {
        if let Some(prometheus) = &environment.prometheus {
            used.secrets(&prometheus.headers, environment.name.span);
        }
    }
    for target in &runbook.notify {
        used.secrets(&target.headers, target.name.span);
        if let TextOrSecret::Secret(source) = &target.url {
            used.secret(source, target.name.span);
        }
    }
    for procedure in &runbook.procedures {
        used.inputs(&procedure.params);
        used.steps(&procedure.steps);
    }
    used.steps(&runbook.steps);
    used.steps(&runbook.finally);
    used.found
}

struct Used {
    found: Vec<(String, Span, UsedAs)>,
}

impl Used {
    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            self.action(&step.action);
            if let Some(look) = &step.look {
                self.action(&look.action);
            }
            if let Some(Undo::Action(action)) = &step.undo {
                self.action(action);
            }
        }
    }

    fn action(&mut self, action: &Action) {
        match action {
            Action::Run(run) => {
                if let Program::Command(command) = &run.program {
                    self.command(command);
                    let span = command.first().map(super::expression::Template::span).unwrap_or_default();
                    self.secrets(&run.env, span);
                    if let Some(TextOrSecret::Secret(source)) = &run.stdin {
                        self.secret(source, span);
                    }
                }
            }
            Action::Http(http) => self.secrets(&http.headers, http.url.span()),
            Action::Kubernetes(Kubernetes::Apply { file: Some(file), .. }) => {
                self.found.push((file.value.clone(), file.span, UsedAs::Manifest));
            }
            Action::Call(call) => {
                if let CallTarget::File { path, .. } = &call.target {
                    self.found.push((path.value.clone(), path.span, UsedAs::Runbook));
                }
            }
            Action::Input(inputs) => self.inputs(inputs),
            Action::Parallel(steps) => self.steps(steps),
            _ => {}
        }
    }

    fn inputs(&mut self, inputs: &[super::model::Input]) {
        for input in inputs {
            match &input.kind {
                InputKind::Choice(Choices::Command { command, .. }) => self.command(command),
                InputKind::Secret(Some(source)) => self.secret(source, input.name.span),
                _ => {}
            }
        }
    }

    /// A program beside the runbook, `./backup.sh`. Others are found on the machine.
    fn command(&mut self, command: &[super::expression::Template]) {
        if let Some(program) = command.first().filter(|p| p.is_literal()) {
            self.program(program.source(), program.span());
        }
    }

    fn program(&mut self, program: &str, span: Span) {
        if program.starts_with("./") || program.starts_with("../") {
            self.found.push((program.to_owned(), span, UsedAs::Program));
        }
    }

    fn secrets(&mut self, values: &[(String, TextOrSecret)], span: Span) {
        for (_, value) in values {
            if let TextOrSecret::Secret(source) = value {
                self.secret(source, span);
            }
        }
    }

    fn secret(&mut self, source: &SecretSource, span: Span) {
        if let SecretSource::Command(command) = source
            && let Some(program) = command.first()
        {
            self.program(program, span);
        }
    }
}

#[cfg(test)]
mod tests;
