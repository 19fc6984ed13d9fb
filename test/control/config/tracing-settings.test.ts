import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {loadSettings} from '../../../src/control/config/settings.ts'
import {type Folder, withFolder} from '../../helpers/folder.ts'

async function settingsOf(folder: Folder, yaml: string) {
  await folder.write({'routesd.yaml': yaml})
  const {settings, diagnostics} = await loadSettings({file: null, cwd: folder.path})
  return {settings, messages: diagnostics.map(({line, message}) => `${line}: ${message}`)}
}

test(
  'a mapping that says nothing means a collector on this machine, and instances that hear of their spans',
  withFolder(async folder => {
    const {settings} = await settingsOf(folder, 'tracing: {}\n')
    const {sample, service, url, timeoutMs} = settings?.tracing ?? {}
    assert.equal([sample, service, url, timeoutMs], [0.1, 'routesd', 'http://127.0.0.1:4318/v1/traces', 10_000])
    assert.is(settings?.forward.traceparent, true)
    const off = await settingsOf(folder, 'tracing: off\n')
    assert.equal([off.settings?.tracing, off.settings?.forward.traceparent], [null, false])
  }),
)

test(
  'a collector is asked as it is written, and where it has no path where collectors listen',
  withFolder(async folder => {
    for (const [written, asked] of [
      ['http://otel:4318', 'http://otel:4318/v1/traces'],
      ['https://otel.example.com/', 'https://otel.example.com/v1/traces'],
      ['https://otel.example.com/otlp/v1/traces?x=1', 'https://otel.example.com/otlp/v1/traces?x=1'],
    ]) {
      const {settings} = await settingsOf(folder, `tracing: {otlp: {url: "${written}"}}\n`)
      assert.is(settings?.tracing?.url, asked)
    }
    const {messages} = await settingsOf(folder, 'tracing:\n  otlp:\n    url: "http://otel:99999/"\n')
    assert.equal(messages, ['3: "http://otel:99999/" is not a URL'])
  }),
)

test(
  'headers are references, read anew for every batch, and one that cannot be read is named',
  withFolder(async folder => {
    const {settings} = await settingsOf(folder, 'tracing: {otlp: {headers: {x-token: {file: token}}}}\n')
    await folder.write({token: 'first\n'})
    assert.equal(await settings?.tracing?.readHeaders(), {'x-token': 'first'})
    await folder.write({token: 'second\n'})
    assert.equal(await settings?.tracing?.readHeaders(), {'x-token': 'second'})
    await folder.remove('token')
    const error: unknown = await settings?.tracing?.readHeaders().catch((thrown: unknown) => thrown)
    assert.match(String(error), /the header x-token of tracing\.otlp: there is no .*token/)
    const {messages} = await settingsOf(folder, 'tracing: {otlp: {headers: {x-token: secret}}}\n')
    assert.is(messages.length, 1)
  }),
)

test.run()
