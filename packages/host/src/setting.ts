import * as v from 'valibot';

/** Schema of one value of a config file. */
export type SettingSchema<T> = v.GenericSchema<T, T>;

/** Entries of a `v.strictObject` that describes the settings `T`, optional ones included. */
export type SettingEntries<T> = {
  readonly [K in keyof T]-?: undefined extends T[K]
    ? v.ExactOptionalSchema<SettingSchema<NonNullable<T[K]>>, undefined>
    : SettingSchema<T[K]>;
};

/** A text that is not empty. */
export const text: SettingSchema<string> = v.pipe(
  v.string(),
  v.nonEmpty('expected a text that is not empty'),
);

/** An optional setting; the description is shown by `--help`. */
export function setting<T>(
  schema: SettingSchema<T>,
  description: string,
): v.ExactOptionalSchema<SettingSchema<T>, undefined> {
  return v.exactOptional(v.pipe(schema, v.description(description)));
}

/** A mandatory setting. */
export function required<T>(schema: SettingSchema<T>, description: string): SettingSchema<T> {
  return v.pipe(schema, v.description(description));
}
