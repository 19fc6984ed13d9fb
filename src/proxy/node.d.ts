// Methods of Node's Buffer that exist, are fast and are missing from its types: a decode without the checks of toString().
interface Buffer {
  latin1Slice(start?: number, end?: number): string
}
