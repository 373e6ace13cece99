# SPDX-License-Identifier: MIT
# fish completion for sasl-bearerd

complete -c sasl-bearerd -f
complete -c sasl-bearerd -l check -d 'Read the configuration, report errors, end'
complete -c sasl-bearerd -l config -rF -d 'Read this file'
complete -c sasl-bearerd -l foreground -d 'Stay in the foreground'
complete -c sasl-bearerd -l help -d 'Print the usage'
complete -c sasl-bearerd -l pidfile -rF -d 'Write the process id here'
complete -c sasl-bearerd -l user -d 'Be the helper of the calling user'
complete -c sasl-bearerd -l version -d 'Print the version'
