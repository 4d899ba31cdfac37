//! Open folders, and steps below them that follow no symbolic link.
//!
//! A path is walked part by part from an open handle, each part opened with `O_NOFOLLOW`. Someone
//! who swaps a folder for a link in the middle of a run gets an error, not a file elsewhere.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use camino::Utf8Path;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::hash::Hash;
use crate::plan::{Obstacle, ObstacleKind};

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
const WRITE_NEW: OFlags = OFlags::WRONLY
    .union(OFlags::CREATE)
    .union(OFlags::EXCL)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// An open folder.
#[derive(Debug)]
pub(crate) struct Folder(File);

/// What a walk to a folder finds.
#[derive(Debug)]
pub(crate) enum Walk {
    /// The folder.
    Here(Folder),
    /// Some part of it is not there.
    Missing,
    /// Some part of it is not a folder.
    Blocked(Obstacle),
}

/// What stands at a path.
#[derive(Debug)]
pub(crate) enum Seen {
    /// Nothing.
    Missing,
    /// A file, open for reading.
    File(Open),
    /// Something else; the caller knows the path.
    Other(ObstacleKind),
}

/// An open file and what is known of it.
#[derive(Debug)]
pub(crate) struct Open {
    file: File,
    size: u64,
    mode: u32,
}

impl Open {
    /// The hash of the content.
    pub(crate) fn hash(&self) -> io::Result<Hash> {
        Hash::of_reader(&self.file, self.size)
    }

    /// The content.
    pub(crate) fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.size).unwrap_or(0));
        io::Read::read_to_end(&mut &self.file, &mut bytes)?;
        Ok(bytes)
    }

    /// Whether its owner may run it.
    pub(crate) fn executable(&self) -> bool {
        self.mode & 0o100 != 0
    }

    /// Whether its owner may not write it.
    pub(crate) fn read_only(&self) -> bool {
        self.mode & 0o200 == 0
    }

    /// Whether it is meant to be run: whoever may read it may run it, or nobody may.
    pub(crate) fn set_executable(&self, executable: bool) -> io::Result<()> {
        let mode = self.mode & 0o7777;
        let mode = if executable {
            mode | ((mode & 0o444) >> 2)
        } else {
            mode & !0o111
        };
        self.file.set_permissions(Permissions::from_mode(mode))
    }
}

impl Folder {
    /// Opens the output folder. The folders above it may be links, it may not.
    pub(crate) fn open(path: &Utf8Path) -> io::Result<Self> {
        Ok(Self(
            rustix::fs::openat(rustix::fs::CWD, path.as_str(), FOLDER, Mode::empty())?.into(),
        ))
    }

    /// Opens a folder directly in this one.
    pub(crate) fn child(&self, name: &str) -> io::Result<Self> {
        Ok(Self(
            rustix::fs::openat(&self.0, name, FOLDER, Mode::empty())?.into(),
        ))
    }

    /// Makes a folder in this one, unless it is there.
    pub(crate) fn make(&self, name: &str) -> io::Result<()> {
        match rustix::fs::mkdirat(&self.0, name, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Walks down to a folder; nothing stays here.
    pub(crate) fn walk(&self, path: &str) -> io::Result<Walk> {
        self.walk_with(path, |_, _| Ok(false))
    }

    /// Walks down to a folder. `missing` may make a missing part in its parent and say so.
    pub(crate) fn walk_with(
        &self,
        path: &str,
        mut missing: impl FnMut(&Folder, &str) -> io::Result<bool>,
    ) -> io::Result<Walk> {
        let mut here = self.child(".")?;
        let mut end = 0;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            end += part.len() + usize::from(end > 0);
            let mut opened = here.child(part);
            if opened
                .as_ref()
                .is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
            {
                if !missing(&here, &path[..end])? {
                    return Ok(Walk::Missing);
                }
                opened = here.child(part);
            }
            here = match opened {
                Ok(next) => next,
                Err(error) if is(&error, Errno::NOTDIR) || is(&error, Errno::LOOP) => {
                    let kind = here.kind(part)?.unwrap_or(ObstacleKind::File);
                    if kind == ObstacleKind::Folder {
                        return Err(error);
                    }
                    return Ok(Walk::Blocked(Obstacle {
                        path: path[..end].to_owned(),
                        kind,
                    }));
                }
                Err(error) => return Err(error),
            };
        }
        Ok(Walk::Here(here))
    }

    /// What stands at a name, without opening it.
    pub(crate) fn kind(&self, name: &str) -> io::Result<Option<ObstacleKind>> {
        let found = match rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(None),
            found => found?,
        };
        Ok(Some(match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile => ObstacleKind::File,
            FileType::Directory => ObstacleKind::Folder,
            FileType::Symlink => ObstacleKind::Symlink,
            _ => ObstacleKind::Special,
        }))
    }

    /// Opens what stands at a name.
    pub(crate) fn look(&self, name: &str) -> io::Result<Seen> {
        let file: File = match rustix::fs::openat(&self.0, name, READ, Mode::empty()) {
            Ok(file) => file.into(),
            Err(Errno::NOENT) => return Ok(Seen::Missing),
            Err(Errno::LOOP) => return Ok(Seen::Other(ObstacleKind::Symlink)),
            Err(Errno::NXIO) => return Ok(Seen::Other(ObstacleKind::Special)),
            Err(error) => return Err(error.into()),
        };
        let found = file.metadata()?;
        Ok(if found.is_file() {
            Seen::File(Open {
                file,
                size: found.len(),
                mode: found.mode(),
            })
        } else if found.is_dir() {
            Seen::Other(ObstacleKind::Folder)
        } else {
            Seen::Other(ObstacleKind::Special)
        })
    }

    /// Names in this folder; `None` stands for one that is not UTF-8.
    pub(crate) fn names(&self) -> io::Result<Vec<Option<String>>> {
        rustix::fs::Dir::read_from(&self.0)?
            .map(|entry| entry.map(|entry| entry.file_name().to_str().map(str::to_owned).ok()))
            .filter(|name| !matches!(name, Ok(Some(name)) if name == "." || name == ".."))
            .collect::<Result<_, Errno>>()
            .map_err(io::Error::from)
    }

    /// Writes a file that is not there yet.
    pub(crate) fn write_new(&self, name: &str, bytes: &[u8], executable: bool) -> io::Result<()> {
        let mode = if executable { 0o777 } else { 0o666 };
        let mut file: File =
            rustix::fs::openat(&self.0, name, WRITE_NEW, Mode::from_raw_mode(mode))?.into();
        io::Write::write_all(&mut file, bytes)
    }

    /// Opens a file for reading and writing, made if it is not there.
    pub(crate) fn open_or_create(&self, name: &str) -> io::Result<File> {
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::from_raw_mode(0o666))?.into())
    }

    /// Moves a file over whatever file is at the other place.
    pub(crate) fn rename(&self, name: &str, to: &Self, new: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, name, &to.0, new)?)
    }

    /// Moves a file to a place where nothing is; an error of kind `AlreadyExists` if something is.
    pub(crate) fn rename_new(&self, name: &str, to: &Self, new: &str) -> io::Result<()> {
        match rustix::fs::renameat_with(&self.0, name, &to.0, new, RenameFlags::NOREPLACE) {
            // The file system does not know the flag: look, then move.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                if to.kind(new)?.is_some() {
                    return Err(Errno::EXIST.into());
                }
                self.rename(name, to, new)
            }
            moved => Ok(moved?),
        }
    }

    /// Removes a file or a link; nothing there is fine.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        absent_is_fine(rustix::fs::unlinkat(&self.0, name, AtFlags::empty()))
    }

    /// Removes a folder if it is empty, and says whether it was.
    pub(crate) fn remove_folder(&self, name: &str) -> io::Result<bool> {
        match rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR) {
            Ok(()) => Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT | Errno::NOTDIR | Errno::BUSY) => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether files can be put into the folder.
    pub(crate) fn check_writable(&self) -> io::Result<()> {
        let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
        Ok(rustix::fs::accessat(
            &self.0,
            ".",
            access,
            AtFlags::empty(),
        )?)
    }

    /// The number of its file system.
    pub(crate) fn device(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.dev())
    }

    /// Whether a path still leads here, and not by a link.
    pub(crate) fn is_at(&self, path: &Utf8Path) -> io::Result<bool> {
        let here = self.0.metadata()?;
        match std::fs::symlink_metadata(path) {
            Ok(there) => Ok((here.dev(), here.ino()) == (there.dev(), there.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn absent_is_fine(result: Result<(), Errno>) -> io::Result<()> {
    match result {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}

/// Things by folder, split so that one large folder still gives work to several threads.
pub(crate) fn by_folder<'a, T>(
    items: impl IntoIterator<Item = (&'a str, T)>,
) -> Vec<(&'a str, Vec<(&'a str, T)>)> {
    const MOST: usize = 256;
    let mut folders: BTreeMap<&str, Vec<(&str, T)>> = BTreeMap::new();
    for (path, item) in items {
        let (folder, name) = crate::tree::split(path);
        folders.entry(folder).or_default().push((name, item));
    }
    let mut groups = Vec::with_capacity(folders.len());
    for (folder, mut items) in folders {
        while items.len() > MOST {
            let rest = items.split_off(MOST);
            groups.push((folder, items));
            items = rest;
        }
        groups.push((folder, items));
    }
    groups
}

/// The path of a name in a folder.
pub(crate) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}
