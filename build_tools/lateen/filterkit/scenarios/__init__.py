"""Scenarios of filters: requests in, their effects out.

`read` turns a filter's `scenarios/*.yaml` into the values of `scenario`; `run` has them run in this process
(`in_process`, on `lateen.filterkit.host`) and on a real Envoy (`on_envoy`), and `compare` says what was not as
expected, and where hosts differ. Around the Envoy of `envoy` and `bootstrap` stand servers that answer as told:
`upstream` and `clusters`, both on `server`; `http1` is the form of messages on the wire, `pace` sends them in pieces.
"""
