export type Mirror = { readonly uri: string; readonly signedBy: string | undefined };

/**
 * The Debian mirror that a machine's apt sources name, for asking the same mirror for another suite. `files` are the contents of
 * sources.list and sources.list.d; one-line (`.list`) and deb822 (`.sources`) forms, see sources.list(5). Only a whole archive
 * counts: its path ends in /debian and its component is main. Security and third-party sources are skipped.
 */
export function debianMirror(
  files: readonly { readonly name: string; readonly text: string }[],
): Mirror | undefined {
  for (const { name, text } of files) {
    const entries = name.endsWith('.sources') ? stanzas(text) : lines(text);
    const mirror = entries.find(({ uri }) => /^https?:\/\/.*\/debian\/?$/.test(uri));
    if (mirror !== undefined) return { ...mirror, uri: mirror.uri.replace(/\/$/, '') };
  }
  return undefined;
}

function lines(text: string): Mirror[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+\S+\s+(?:.*\s)?main(?:\s|$)/.exec(line);
    const uri = match?.[2];
    if (uri === undefined) return [];
    return [{ uri, signedBy: /signed-by=(\S+)/.exec(match?.[1] ?? '')?.[1] }];
  });
}

function stanzas(text: string): Mirror[] {
  const uncommented = text.replaceAll(/^#.*\n/gm, '');
  return uncommented.split(/\n\s*\n/).flatMap((stanza) => {
    const field = (name: string): string[] =>
      new RegExp(`^${name}:(.*(?:\\n[ \\t].*)*)`, 'im').exec(stanza)?.[1]?.trim().split(/\s+/) ?? [];
    const usable = field('Types').includes('deb') && field('Components').includes('main');
    if (!usable || field('Enabled')[0] === 'no') return [];
    const [signedBy] = field('Signed-By');
    // A key inside the stanza is not a path. Then apt's trusted keys apply.
    const keyring = signedBy?.startsWith('/') ? signedBy : undefined;
    return field('URIs').map((uri) => ({ uri, signedBy: keyring }));
  });
}
