/* Keystore files: a key under a password, as every Ethereum wallet reads and writes them.
 *
 *   password -> scrypt or PBKDF2 -> 32 bytes: the first 16 decrypt (AES-128-CTR), the last 16 prove
 *   the password (keccak over them and the ciphertext)
 *
 * Source: Web3 Secret Storage Definition, version 3. */
#ifndef CLIENT_KEYSTORE_H
#define CLIENT_KEYSTORE_H

#include "client/keys.h"
#include "sys/files.h"

/* What guessing a password costs, and so does reading the file. geth's numbers. */
enum keystore_cost {
    KEYSTORE_STANDARD, /* a second and 256 MiB */
    KEYSTORE_LIGHT,    /* 0.1 s and 4 MiB */
};

/* Reads a file's content. *out is the caller's to wipe.
 * ST_INVALID: the password is wrong, or it is no keystore, or one of a kind that is not known: the
 * sentence says which. ST_FULL: it asks for more memory or work than any wallet's. */
enum status keystore_read(bytes file, bytes password, secret32 *out, struct err *err);

/* The content of a file that keystore_read and any wallet undo, in `arena`.
 * ST_INVALID: not a key. ST_FULL: no memory. */
enum status keystore_write(const secret32 *secret, bytes password, enum keystore_cost cost,
                           bytes *out, struct arena *arena, struct err *err);

/* One file as a set of one key. `password_path` names a file whose first line is the password. */
enum status keystore_load(const struct files *files, const char *path, const char *password_path,
                          struct keys **out, struct err *err);

#endif
