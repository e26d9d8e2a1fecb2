use super::*;

struct Memory(Vec<(&'static str, &'static str)>);

impl Loader for Memory {
    fn read(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        self.0.iter().find(|(p, _)| *p == path).map(|(_, t)| t.as_bytes().to_vec()).ok_or(LoadError::Missing)
    }
}

fn check(files: Vec<(&'static str, &'static str)>) -> CheckReport {
    check_with(&Memory(files), "main.yaml", str::to_owned, Origin::Library)
}

fn messages(report: &CheckReport) -> Vec<String> {
    report.diagnostics.iter().map(|d| format!("{}: {}", d.file, d.message)).collect()
}

const CALLER: &str = "pacenote: 1\nrunbook: main\ntitle: T\nenvironments: {prod: {vars: {host: a}}}\nsteps:\n  - {id: a, title: A, call: ./sub/other.yaml, with: {size: 3}}\n  - {id: b, title: B, call: ./sub/other.yaml#look}\n  - {id: c, title: C, run: {command: [./backup.sh], reads_only: true}}\n";
const OTHER: &str = "pacenote: 1\nrunbook: other\ntitle: T\ninputs: {size: {type: integer}}\nsteps:\n  - {id: a, title: \"${{ env.vars.host }} ${{ inputs.size }}\", call: ./third.yaml}\nprocedures:\n  look: {steps: [{id: a, title: A, confirm: \"Is ${{ env.name }} well?\"}]}\n";
const THIRD: &str = "pacenote: 1\nrunbook: third\ntitle: T\nsteps: [{id: a, title: A, confirm: Well?}]\n";

#[test]
fn a_bundle_holds_every_file_by_hash() {
    let files = vec![("main.yaml", CALLER), ("sub/other.yaml", OTHER), ("sub/third.yaml", THIRD), ("backup.sh", "#!/bin/sh\n")];
    let report = check(files);
    assert_eq!(messages(&report), Vec::<String>::new());
    let bundle = report.bundle.expect("no errors");
    let paths: Vec<_> = bundle.files.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(paths, ["backup.sh", "main.yaml", "sub/other.yaml", "sub/third.yaml"]);
    assert_eq!(bundle.called.keys().collect::<Vec<_>>(), ["sub/other.yaml", "sub/third.yaml"]);
    assert_eq!(
        bundle.files[0].sha256,
        hex(&Sha256::digest(
            b"#!/bin/sh
"
        ))
    );
    let list: String = bundle.files.iter().map(|f| format!("{}  {}\n", f.sha256, f.path)).collect();
    assert_eq!(bundle.sha256, hex(&Sha256::digest(list.as_bytes())));
}

#[test]
fn mistakes_in_called_files_are_found_there() {
    let broken = "pacenote: 1\nrunbook: other\ntitle: T\nsteps:\n  - {id: a, title: \"${{ inputs.nosuch }}\", confirm: Well?}\n";
    let report = check(vec![("main.yaml", CALLER), ("sub/other.yaml", broken)]);
    assert_eq!(
        messages(&report),
        [
            "main.yaml: the runbook takes no arguments",
            "main.yaml: `./sub/other.yaml` has no procedure `look`",
            "main.yaml: `backup.sh` cannot be read: there is no such file",
            "sub/other.yaml: there is no input `nosuch`",
        ]
    );
    assert!(report.bundle.is_none());
}

#[test]
fn calls_across_files_that_come_back_are_found() {
    let main = "pacenote: 1\nrunbook: main\ntitle: T\nsteps: [{id: a, title: A, call: ./other.yaml}]\n";
    let other = "pacenote: 1\nrunbook: other\ntitle: T\nsteps: [{id: a, title: A, call: ./main.yaml}]\n";
    let report = check(vec![("main.yaml", main), ("other.yaml", other)]);
    assert_eq!(messages(&report), ["other.yaml: this call comes back to itself: main.yaml → other.yaml → main.yaml"]);
}

#[test]
fn no_path_leaves_the_bundle() {
    for (file, written, expected) in [
        ("main.yaml", "./a.yaml", Some("a.yaml")),
        ("sub/main.yaml", "./a.yaml", Some("sub/a.yaml")),
        ("sub/main.yaml", "./../a.yaml", Some("a.yaml")),
        ("main.yaml", "./../a.yaml", None),
        ("main.yaml", "./x/../../a.yaml", None),
        ("main.yaml", "/etc/passwd", None),
        ("main.yaml", ".", None),
    ] {
        assert_eq!(beside(file, written).as_deref(), expected, "{file} {written}");
    }
}
