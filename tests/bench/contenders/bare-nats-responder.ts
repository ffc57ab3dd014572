// Answers every request with the same bytes.

import { connect } from 'nats';

const nc = await connect({ servers: process.env['NATS_URL'] ?? '' });
const answer = new Uint8Array(Number(process.env['ANSWER_BYTES'])).fill(0x41);
nc.subscribe(process.env['SUBJECT'] ?? '', { callback: (_error, message) => message.respond(answer) });
await nc.flush();
console.log('ready');
