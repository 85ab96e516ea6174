/** The spelling of key ids: UUIDs, lower case. They are names of files too. */
export const KEY_ID: RegExp = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
