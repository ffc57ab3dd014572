export { newId } from '@calbus/licenses/ids';
