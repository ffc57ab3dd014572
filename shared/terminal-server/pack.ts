// Makes the npm package of the library: JavaScript and types, with calbus's own packages inside, because Node runs no TypeScript
// within node_modules. Usage: npm run pack -w @calbus/terminal-server -- [folder]

import { execFileSync } from 'node:child_process';
import {
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const here = path.dirname(fileURLToPath(import.meta.url));
const shared = path.dirname(here);
const root = path.dirname(shared);
const inside = ['contracts', 'licenses', 'runtime'] as const;
const entries = ['client', 'file-store', 'memory-store'] as const;
const agent = 'agent/main';

const manifest = z.object({
  version: z.string(),
  license: z.string(),
  dependencies: z.record(z.string(), z.string()),
});
const manifestOf = (part: string): z.infer<typeof manifest> =>
  manifest.parse(JSON.parse(readFileSync(path.join(shared, part, 'package.json'), 'utf8')));

const compile = (to: string): void => {
  const own = Object.fromEntries(
    inside.map((part) => [`@calbus/${part}/*`, [path.join(shared, part, 'src/*.ts')]]),
  );
  const options = {
    extends: path.join(root, 'tsconfig.base.json'),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      rewriteRelativeImportExtensions: true,
      rootDir: shared,
      outDir: to,
      typeRoots: [path.join(root, 'node_modules/@types')],
      paths: own,
    },
    files: [...entries, agent].map((e) => path.join(here, 'src', `${e}.ts`)),
  };
  const file = path.join(to, 'tsconfig.json');
  mkdirSync(to);
  writeFileSync(file, JSON.stringify(options));
  execFileSync(path.join(root, 'node_modules/.bin/tsc'), ['-p', file], { stdio: 'inherit' });
  rmSync(file);
};

/** Imports by package name become relative imports of the copies inside the package. */
const bringInside = (dist: string): void => {
  for (const name of globSync('**/*.{js,d.ts}', { cwd: dist })) {
    const file = path.join(dist, name);
    const text = readFileSync(file, 'utf8');
    const changed = text
      .replaceAll(
        /(["'])@calbus\/([a-z-]+)\/([a-z-]+)\1/g,
        (_whole, quote: string, part: string, module: string) => {
          const to = path.posix.relative(path.posix.dirname(name), `${part}/src/${module}.js`);
          return `${quote}${to.startsWith('.') ? to : `./${to}`}${quote}`;
        },
      )
      // The compiler rewrites the extensions in JavaScript only.
      .replaceAll(/(["'])(\.[^"'\n]*)\.ts\1/g, '$1$2.js$1');
    if (changed !== text) writeFileSync(file, changed);
  }
};

/** What the compiled files import, with the versions that the packages declare. */
const dependenciesOf = (dist: string): Record<string, string> => {
  const declared: Record<string, string> = Object.assign(
    {},
    ...['terminal-server', ...inside].map((part) => manifestOf(part).dependencies),
  );
  const code = globSync('**/*.js', { cwd: dist }).map((file) => readFileSync(path.join(dist, file), 'utf8'));
  const imported = (name: string): boolean =>
    code.some((text) => text.includes(`'${name}'`) || text.includes(`'${name}/`));
  return Object.fromEntries(
    Object.entries(declared)
      .filter(([name]) => imported(name))
      .sort(([a], [b]) => a.localeCompare(b)),
  );
};

const publicManifest = (dist: string): object => {
  const own = manifestOf('terminal-server');
  return {
    name: '@calbus/terminal-server',
    version: own.version,
    description: 'Lets clients of a terminal server in by the licenses of calbus, an open license server',
    license: own.license,
    type: 'module',
    engines: { node: '>=22.13' },
    exports: Object.fromEntries(
      entries.map((e) => {
        const place = `./dist/terminal-server/src/${e}`;
        return [`./${e}`, { types: `${place}.d.ts`, default: `${place}.js` }];
      }),
    ),
    bin: { 'calbus-agent': `./dist/terminal-server/src/${agent}.js` },
    files: ['dist'],
    dependencies: dependenciesOf(dist),
  };
};

/** The file of the package, in `folder`. */
export const pack = (folder: string): string => {
  const staging = realpathSync(mkdtempSync(path.join(tmpdir(), 'calbus-pack-')));
  try {
    const dist = path.join(staging, 'dist');
    compile(dist);
    bringInside(dist);
    writeFileSync(path.join(staging, 'package.json'), `${JSON.stringify(publicManifest(dist), null, 2)}\n`);
    cpSync(path.join(here, 'README.md'), path.join(staging, 'README.md'));
    mkdirSync(folder, { recursive: true });
    const said = execFileSync('npm', ['pack', '--json', '--pack-destination', path.resolve(folder)], {
      cwd: staging,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [made] = z.array(z.object({ filename: z.string() })).parse(JSON.parse(said));
    if (!made) throw new Error('npm pack made nothing.');
    return path.resolve(folder, made.filename);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
};

if (import.meta.main) process.stdout.write(`${pack(process.argv[2] ?? '.')}\n`);
