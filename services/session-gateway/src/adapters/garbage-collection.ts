// When the garbage of relaying is collected. Each piece that is read is a buffer of its own outside of V8's heap, dead once it is
// written. After every 64 MB of these V8 would go through the whole heap, nearly all of which is this program and stays: up to a third
// of the processor time of a busy gateway. TLS that begins in the middle of a connection offers no way to read into the same buffer again.

import { setFlagsFromString } from 'node:v8';

/** For the whole process: such buffers are weighed with the heap, so that there is a collection when both together have grown. */
export const countBuffersAsHeap = (): void =>
  setFlagsFromString('--external-memory-accounted-in-global-limit');
