// Circles of imports. A type-only import counts: two files that need each other's types are one file, or lack a third.

import path from 'node:path';
import { importsOf, type Package } from './rules.ts';

export type SourceText = { readonly file: string; readonly text: string };

/** The file that an import names, if it is one of the repository's. */
export const resolveImport = (
  file: string,
  specifier: string,
  packages: readonly Package[],
): string | undefined => {
  if (specifier.startsWith('.')) return path.posix.join(path.posix.dirname(file), specifier);
  const target = packages.find((p) => specifier.startsWith(`${p.name}/`));
  const exported = target?.exports[`.${specifier.slice(target.name.length)}`];
  return target && typeof exported === 'string' ? path.posix.join(target.folder, exported) : undefined;
};

/** Groups of files that import each other, directly or through others (Tarjan's algorithm). */
export const findCircles = (files: readonly SourceText[], packages: readonly Package[]): string[][] => {
  const known = new Set(files.map((f) => f.file));
  const targets = new Map(
    files.map(({ file, text }) => [
      file,
      importsOf(text)
        .map(({ specifier }) => resolveImport(file, specifier, packages))
        .filter((target): target is string => target !== undefined && known.has(target)),
    ]),
  );
  const order = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();
  const circles: string[][] = [];
  const visit = (file: string): number => {
    const index = order.size;
    order.set(file, index);
    open.push(file);
    isOpen.add(file);
    let low = index;
    for (const target of targets.get(file) ?? []) {
      if (!order.has(target)) low = Math.min(low, visit(target));
      else if (isOpen.has(target)) low = Math.min(low, order.get(target) ?? low);
    }
    if (low !== index) return low;
    const group = open.splice(open.indexOf(file));
    for (const member of group) isOpen.delete(member);
    if (group.length > 1 || targets.get(file)?.includes(file)) circles.push(group.toSorted());
    return low;
  };
  for (const { file } of files) if (!order.has(file)) visit(file);
  return circles;
};
