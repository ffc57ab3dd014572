// The settings of a service in words, out of its schema: for --help, for --print and for docs/configuration.md.

import { z } from 'zod';
import { variableOf } from './config.ts';

export type SettingDescription = {
  readonly variable: string;
  readonly about: string;
  /** `needed`: the service does not start without it; `default`: what it is then, as text. */
  readonly unset:
    | { readonly kind: 'needed' }
    | { readonly kind: 'default'; readonly text: string }
    | { readonly kind: 'nothing' };
};

const unsetOf = (type: z.core.$ZodType): SettingDescription['unset'] => {
  const { def } = (type as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'default':
    case 'prefault':
      return { kind: 'default', text: String(def.defaultValue) };
    case 'optional':
      return { kind: 'nothing' };
    case 'pipe':
      return unsetOf(def.in);
    default:
      return { kind: 'needed' };
  }
};

/** In the order of the schema. */
export const describeSettings = (schema: z.ZodObject): readonly SettingDescription[] =>
  Object.entries(schema.shape).map(([field, type]) => ({
    variable: variableOf(field),
    about: z.globalRegistry.get(type)?.description ?? '',
    unset: unsetOf(type),
  }));

/** For a terminal: each setting with what it is. */
export const formatHelp = (schema: z.ZodObject): string =>
  describeSettings(schema)
    .map(({ variable, about, unset }) => {
      const then = { needed: 'needed', nothing: 'optional', default: 'default ' }[unset.kind];
      return `  ${variable}  (${then}${unset.kind === 'default' ? unset.text : ''})\n      ${about.replaceAll('`', '')}`;
    })
    .join('\n');

/** An address may have a user and a password in it. */
const withoutCredentials = (value: string): string => value.replaceAll(/\/\/[^\s,]*@/g, '//[hidden]@');

/**
 * The configuration as it is in force, as a file of variables: what was given, then the defaults, then what is not set. Secrets are in
 * files, of which only the name is a variable.
 */
export const formatSettings = (
  name: string,
  schema: z.ZodObject,
  env: Readonly<Record<string, string | undefined>>,
): string => {
  const given: string[] = [];
  const defaults: string[] = [];
  const left: string[] = [];
  for (const { variable, unset } of describeSettings(schema)) {
    const value = env[variable];
    if (value !== undefined) given.push(`${variable}=${withoutCredentials(value)}`);
    else if (unset.kind === 'default') defaults.push(`${variable}=${unset.text}`);
    else left.push(`# ${variable}=`);
  }
  const part = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : [`# ${title}`, ...lines];
  return [...part(`${name}: given`, given), ...part('defaults', defaults), ...part('not set', left)].join(
    '\n',
  );
};
