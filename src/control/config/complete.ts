// A configuration with every default written out and every entry with its place: for people, and for `config dump`.

import type {Config, Placed} from './config.ts'
import {fillDefaults} from './defaults.ts'

export function completeConfig({routes, hosts, services, tests}: Config): Record<string, unknown> {
  const all = (name: 'route' | 'host' | 'service' | 'test', entries: readonly Placed<unknown>[]) =>
    entries.map(({value, file, line}) => ({from: `${file}:${line}`, ...Object(fillDefaults(name, value))}))
  return {
    routes: all('route', routes),
    hosts: all('host', hosts),
    services: all('service', services),
    tests: all('test', tests),
  }
}
