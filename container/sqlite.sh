#!/bin/sh
# Builds SQLite as a shared library: sh container/sqlite.sh FOLDER (needs npm and a C compiler).
#
# Debian 12 has 3.40.1, whose WAL mode has a fault that 3.51.3 mends (sqlite.org/wal.html#walresetbug).
# The npm package better-sqlite3 carries the amalgamation of 3.54.1, which is in the public domain; nothing else of the
# package is compiled. Its makers change one line (deps/patches/1208.patch: two products are written as their values).
# The checksum is of the package's file, the bits that its registry publishes as "integrity".
# Deleted rows are overwritten and statements may be as long as with Debian's build.
set -eu
PACKAGE=better-sqlite3@13.2.0
SHA512=67c43ff71fee3722b1035bf814da1dc88b51551c354de281ae68f7d89871851d1c78d70163ec0ca1bb7f06fecced3cf03c05e39d946d35a12c0139d465229665

mkdir -p "$1"
cd "$1"
npm pack --silent "$PACKAGE" >/dev/null
echo "$SHA512  better-sqlite3-13.2.0.tgz" | sha512sum --check --quiet
tar xzf better-sqlite3-13.2.0.tgz --strip-components=3 package/deps/sqlite3/sqlite3.c
"${CC:-cc}" -O2 -fPIC -shared -Wl,-soname,libsqlite3.so.0 \
    -DSQLITE_ENABLE_COLUMN_METADATA -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_MATH_FUNCTIONS -DSQLITE_ENABLE_RTREE \
    -DSQLITE_SECURE_DELETE -DSQLITE_MAX_VARIABLE_NUMBER=250000 \
    -o libsqlite3.so.0 sqlite3.c -lm
rm better-sqlite3-13.2.0.tgz sqlite3.c
