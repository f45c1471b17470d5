//! The README as its tests read it: its code blocks, and what a block says about how it is run.
//!
//! A block is preceded by `<!-- test: SCENE -->`, or `<!-- test: SCENE, needs PROGRAM… -->` where it takes programs
//! that not every machine has. In outputs, `…` stands for anything on a line, and a line of its own for any lines.

/// One fenced block.
pub struct Block {
    /// Where it begins in the README, for messages.
    pub line: usize,
    pub language: String,
    /// Who runs it, and how.
    pub scene: String,
    /// Programs that it takes.
    pub needs: Vec<String>,
    pub text: String,
}

pub fn text() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Every fenced block, in order.
pub fn blocks() -> Vec<Block> {
    let text = text();
    let mut lines = text.lines().enumerate();
    let mut before = "";
    let mut blocks = Vec::new();
    while let Some((number, line)) = lines.next() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let indent = line.len() - line.trim_start().len();
            let inside: Vec<&str> = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| line.trim() != "```")
                .map(|line| line.get(indent..).unwrap_or_default())
                .collect();
            blocks.push(block(number + 1, language, before, &inside));
        }
        before = line;
    }
    blocks
}

fn block(line: usize, language: &str, before: &str, inside: &[&str]) -> Block {
    let comment = before.trim().strip_prefix("<!-- test: ");
    let Some(how) = comment.and_then(|comment| comment.strip_suffix(" -->")) else {
        panic!("README.md:{line}: no comment before this block says how it is tested");
    };
    let (scene, needs) = how.split_once(", needs ").unwrap_or((how, ""));
    Block {
        line,
        language: language.to_owned(),
        scene: scene.to_owned(),
        needs: needs
            .split(' ')
            .filter(|need| !need.is_empty())
            .map(str::to_owned)
            .collect(),
        text: inside.iter().map(|line| format!("{line}\n")).collect(),
    }
}

/// The only block of a scene and language.
pub fn block_of(scene: &str, language: &str) -> Block {
    let mut found: Vec<Block> = blocks()
        .into_iter()
        .filter(|block| block.scene == scene && block.language == language)
        .collect();
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => only,
        _ => panic!("the README has not one {language} block of the scene {scene:?}"),
    }
}

/// Whether an output is what the README shows of it.
pub fn shows(pattern: &str, output: &str) -> bool {
    let lines = |text: &str| text.lines().map(steady).collect::<Vec<_>>();
    let (pattern, output) = (lines(pattern), lines(output));
    lines_match(&pattern, &output)
}

fn lines_match(pattern: &[String], lines: &[String]) -> bool {
    match (pattern.split_first(), lines.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == "…" => {
            (0..=lines.len()).any(|skipped| lines_match(rest, &lines[skipped..]))
        }
        (Some((first, rest)), Some((line, lines))) => {
            line_matches(first, line) && lines_match(rest, lines)
        }
        _ => false,
    }
}

/// `…` in the pattern is anything.
pub fn line_matches(pattern: &str, line: &str) -> bool {
    match pattern.split_once('…') {
        None => pattern == line,
        Some((start, rest)) => line.strip_prefix(start).is_some_and(|line| {
            let ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
            ends.into_iter().any(|at| line_matches(rest, &line[at..]))
        }),
    }
}

/// What differs from run to run, made the same: dates, and the start address of a login. A terminal is told to clear
/// the line of its countdown.
fn steady(line: &str) -> String {
    let line = line.replace("\r\u{1b}[K", "");
    let words = line.trim_end().split(' ').map(|word| {
        if is_start_address(word) {
            return "START_ADDRESS".to_owned();
        }
        let bare = word.trim_end_matches([',', ';']);
        match is_date(bare) {
            true => format!("DATE{}", &word[bare.len()..]),
            false => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// An address on this machine that nobody can guess: 128 bits or more in one segment.
pub fn is_start_address(word: &str) -> bool {
    let path = word
        .strip_prefix("http://127.0.0.1:")
        .and_then(|rest| rest.split_once('/'));
    path.is_some_and(|(port, path)| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        port.parse::<u16>().is_ok() && path.len() >= 22 && path.chars().all(plain)
    })
}

fn is_date(word: &str) -> bool {
    word.parse::<jiff::civil::Date>().is_ok() && word.len() == 10
}
