// The trigger of garbage collections in a relay. Each chunk that is read is a buffer outside of V8's heap, and is garbage once it is
// written. By default V8 traverses the whole heap after every 64 MB of such buffers: up to a third of the processor time of a busy
// gateway, although nearly all of the heap is code that stays. A TLS connection that starts on an open socket cannot reuse a buffer.

import { setFlagsFromString } from 'node:v8';

/** For the whole process: V8 counts buffers as part of the heap, and collects when both together have grown. */
export const countBuffersAsHeap = (): void =>
  setFlagsFromString('--external-memory-accounted-in-global-limit');
