#!/usr/bin/env bash
# ops/backup.sh FOLDER: one consistent, dated archive of the database, history and audit included.
# Needs mongodump (MongoDB Database Tools). Restore: mongorestore --gzip --oplogReplay --archive=FILE --uri=URI
set -euo pipefail
umask 077

: "${MONGODB_URI:?set MONGODB_URI to the replica set to save}"
folder="${1:?usage: ops/backup.sh FOLDER}"
keep_days="${KEEP_DAYS:-30}"

if ! command -v mongodump >/dev/null; then
    echo "mongodump is missing: install the MongoDB Database Tools" >&2
    exit 1
fi
mkdir -p "$folder"
file="$folder/dmp-$(date -u +%Y%m%dT%H%M%SZ).archive.gz"
# The URI may hold a password: a file only we can read, not the list of processes.
config="$(mktemp)"
trap 'rm -f "$config" "$file.part"' EXIT
printf 'uri: "%s"\n' "${MONGODB_URI//\"/\\\"}" >"$config"
# --oplog makes it a single moment: what is written while it runs is in it, in order.
mongodump --config="$config" --oplog --gzip --archive="$file.part"
mv "$file.part" "$file"
(cd "$folder" && sha256sum "$(basename "$file")" >"$(basename "$file").sha256")
find "$folder" -maxdepth 1 -name 'dmp-*.archive.gz*' -mtime "+$keep_days" -delete
echo "$file"
