//! Stored requests: `fixtures/<provider>/<event>/request.http`, or any `.http` file.
//!
//! A file holds one request as it arrives: request line, header lines, an empty line, and the raw
//! body to the end of the file. Lines of the head end with LF or CRLF; the body is taken as it is.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// One stored request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixture {
    /// Where it was read from.
    pub path: PathBuf,
    /// `POST`, as a rule.
    pub method: String,
    /// The path it was posted to.
    pub route: String,
    /// Header names in lower case, with their values, in their order.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: Vec<u8>,
}

impl Fixture {
    /// Reads one file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(path, &bytes)
    }

    /// Every `.http` file at or below the paths, in the order of their names.
    pub fn read_all(paths: &[PathBuf]) -> anyhow::Result<Vec<Self>> {
        let mut files = Vec::new();
        for path in paths {
            let before = files.len();
            gather(path, &mut files)?;
            if files.len() == before {
                bail!("{} holds no .http file", path.display());
            }
        }
        files.iter().map(|file| Self::read(file)).collect()
    }

    /// The first header of a name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The folder it lies in, or its own name without ending: what a table calls it.
    pub fn name(&self) -> String {
        let part = |path: Option<&Path>| Some(path?.file_name()?.to_str()?.to_owned());
        if self.path.file_name().is_some_and(|name| name == "request.http") {
            part(self.path.parent()).unwrap_or_default()
        } else {
            let stem = self.path.file_stem().and_then(|stem| stem.to_str());
            stem.unwrap_or_default().to_owned()
        }
    }

    /// Reads the bytes of one file; `path` is what messages call it.
    pub fn parse(path: &Path, bytes: &[u8]) -> anyhow::Result<Self> {
        let shown = path.display();
        let mut lines = Vec::new();
        let mut rest = bytes;
        let body = loop {
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                bail!("{shown}: no empty line between head and body");
            };
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                break rest;
            }
            lines.push(std::str::from_utf8(line).with_context(|| format!("{shown}: head"))?);
        };
        let mut lines = lines.into_iter();
        let request = lines.next().with_context(|| format!("{shown}: no request line"))?;
        let mut words = request.split(' ');
        let (Some(method), Some(route)) = (words.next(), words.next()) else {
            bail!("{shown}: the first line is not a request line");
        };
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').with_context(|| format!("{shown}: header"))?;
            Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        });
        Ok(Self {
            path: path.to_owned(),
            method: method.to_owned(),
            route: route.to_owned(),
            headers: headers.collect::<anyhow::Result<_>>()?,
            body: body.to_owned(),
        })
    }
}

fn gather(path: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let shown = path.display();
    if path.is_dir() {
        let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {shown}"))?;
        let mut below =
            entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
        below.sort();
        for entry in below {
            if entry.is_dir() || entry.extension().is_some_and(|ending| ending == "http") {
                gather(&entry, files)?;
            }
        }
    } else if path.is_file() {
        files.push(path.to_owned());
    } else if path.try_exists().with_context(|| format!("cannot read {shown}"))? {
        bail!("{shown} is not a file or folder");
    } else {
        bail!("{shown} does not exist");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_request_is_read_with_its_raw_body() {
        let text = b"POST /x HTTP/1.1\r\nHost: h\r\nX-A:  1 \r\n\r\n{\"a\":\n1}\n";
        let fixture = Fixture::parse(Path::new("d/e/request.http"), text).unwrap();
        assert_eq!((fixture.method.as_str(), fixture.route.as_str()), ("POST", "/x"));
        assert_eq!(fixture.header("x-a"), Some("1"));
        assert_eq!(fixture.body, b"{\"a\":\n1}\n");
        assert_eq!(fixture.name(), "e");
    }

    #[test]
    fn a_file_without_an_empty_line_is_named() {
        let error = Fixture::parse(Path::new("x.http"), b"POST / HTTP/1.1\n").unwrap_err();
        assert!(error.to_string().contains("x.http"));
    }

    #[test]
    fn what_is_no_file_or_folder_is_told_from_what_does_not_exist() {
        let told = |path: &str| Fixture::read_all(&[path.into()]).unwrap_err().to_string();
        assert_eq!(told("/dev/null"), "/dev/null is not a file or folder");
        assert_eq!(told("/gone.http"), "/gone.http does not exist");
    }
}
