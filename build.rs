//! Compiles the trainer's C++, tells the linker where the trainer finds libtorch at run time, and the programs
//! which commit they were built from.
//!
//! The run path and the C++ go to `mocolab-train` alone, so that the terminal program never depends on libtorch.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=MOCOLAB_COMMIT={}", commit().unwrap_or_else(|| "unknown".into()));
    #[cfg(feature = "torch")]
    trainer();
}

/// What the trainer has of its own.
#[cfg(feature = "torch")]
fn trainer() {
    for name in
        ["LIBTORCH", "LIBTORCH_INCLUDE", "LIBTORCH_LIB", "LIBTORCH_CXX11_ABI", "LIBTORCH_USE_PYTORCH", "VIRTUAL_ENV"]
    {
        println!("cargo::rerun-if-env-changed={name}");
    }
    // a copy of libtorch beside the program comes first, so that the two can be moved together
    link_trainer("-Wl,-rpath,$ORIGIN/libtorch/lib");
    // the path of this machine's libtorch means nothing on another
    println!("cargo::rerun-if-env-changed=MOCOLAB_PACKAGE");
    if let Some(root) = libtorch("LIBTORCH_LIB").filter(|_| env::var_os("MOCOLAB_PACKAGE").is_none()) {
        link_trainer(&format!("-Wl,-rpath,{root}/lib"));
    }
    // as RUNPATH, not RPATH: LD_LIBRARY_PATH may then name another libtorch
    link_trainer("-Wl,--enable-new-dtags");
    let root = libtorch("LIBTORCH_INCLUDE").unwrap_or_else(|| "/usr".into());
    let abi = env::var("LIBTORCH_CXX11_ABI").unwrap_or_else(|_| "1".into());
    let files = ["amx", "conv", "memory", "norm", "winograd"].map(|name| format!("{KERNELS}/{name}.cpp"));
    let headers = ["amx", "conv", "threads", "winograd"].map(|name| format!("{KERNELS}/{name}.h"));
    for file in files.iter().chain(&headers) {
        println!("cargo::rerun-if-changed={file}");
    }
    let mut build = cc::Build::new();
    build.cpp(true).std("c++17").files(files).cargo_metadata(false);
    // as torch-sys compiles its own; the optimiser may not assume that there are only numbers
    build.define("_GLIBCXX_USE_CXX11_ABI", abi.as_str()).flag("-fno-math-errno").flag("-fno-trapping-math");
    for folder in ["include", "include/torch/csrc/api/include"] {
        build.flag(format!("-isystem{root}/{folder}"));
    }
    build.compile("kernels");
    link_trainer(&format!("{}/libkernels.a", env::var("OUT_DIR").expect("cargo sets it")));
}

/// Where the trainer's C++ lies.
#[cfg(feature = "torch")]
const KERNELS: &str = "src/train/network/native";

#[cfg(feature = "torch")]
fn link_trainer(argument: &str) {
    println!("cargo::rustc-link-arg-bin=mocolab-train={argument}");
}

/// The folder around libtorch's `lib` and `include`, found as torch-sys finds it: `first` may name that of the one wanted.
/// `None` for one that compiler and loader know anyway.
#[cfg(feature = "torch")]
fn libtorch(first: &str) -> Option<String> {
    if env::var_os("LIBTORCH_USE_PYTORCH").is_none() {
        return env::var(first).or_else(|_| env::var("LIBTORCH")).ok();
    }
    let python = if env::var_os("VIRTUAL_ENV").is_some() { "python" } else { "python3" };
    let find = "import importlib.util as u, os; print(os.path.dirname(u.find_spec('torch').origin))";
    output(python, &["-c", find])
}

/// The short hash of the commit checked out here. Whether files differ from it is not said: that changes without any
/// file of this package's build changing, and would be wrong as often as right.
fn commit() -> Option<String> {
    let package = env::var("CARGO_MANIFEST_DIR").ok()?;
    let top = git(&["rev-parse", "--show-toplevel"])?;
    // an unpacked archive inside somebody else's repository has no commit
    if Path::new(&top).canonicalize().ok()? != Path::new(&package).canonicalize().ok()? {
        return None;
    }
    watch("HEAD");
    // a new commit moves the branch, which lies in a file of its own or among the packed ones, and adds to the log
    watch("logs/HEAD");
    watch("packed-refs");
    if let Some(branch) = git(&["symbolic-ref", "--quiet", "HEAD"]) {
        watch(&branch);
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

/// Runs this script again when git's own file `name` changes. A file that isn't there would run it at every build.
fn watch(name: &str) {
    if let Some(path) = git(&["rev-parse", "--git-path", name])
        && Path::new(&path).exists()
    {
        println!("cargo::rerun-if-changed={path}");
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    output("git", arguments)
}

/// What `program` prints, trimmed; `None` where it fails, is absent or prints nothing.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new(program).args(arguments).env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
