export { newId } from '@calbus/trust/ids';
