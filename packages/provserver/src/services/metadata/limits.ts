/** Files of the folder. */
export const MAX_FILES = 1024;
/** One file, bytes. */
export const MAX_FILE_BYTES: number = 16 * 1024 * 1024;
/** All files, bytes: they are kept in memory. */
export const MAX_TOTAL_BYTES: number = 64 * 1024 * 1024;
/** Time for which the folder is not looked at again, ms. */
export const SNAPSHOT_MS = 1000;
