"""Diagnostic codes, one module per stage; a number is never used again for something else.

| range | stage |
|---|---|
| LAT00xx | source: files and YAML; what a command line names |
| LAT01xx | api: the input schema |
| LAT02xx | model: what the documents mean |
| LAT03xx | analyze: references and rules across resources |
| LAT04xx | scope and xds: compiling for one proxy |
| LAT05xx | verify: schema, cross references, Envoy's own verdict |
| LAT06xx | filterkit: filters and modules |
| LAT07xx | runtime: `up`, processes, traffic |
| LAT08xx | deliver: ADS and files |
"""
