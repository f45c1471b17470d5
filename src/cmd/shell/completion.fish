# Completion of webex-connect for fish: the program knows what can come next.
function __webex_connect_complete
    set -l before (commandline --current-process --tokenize --cut-at-cursor)
    # Without its quotes; fish matches and quotes what is offered by itself.
    set -l current (commandline --current-token --cut-at-cursor | string replace --all --regex '^["\']|\\\\' '')
    command webex-connect __complete --current="$current" $before 2>/dev/null </dev/null
end
complete --command webex-connect --no-files --keep-order --arguments '(__webex_connect_complete)'
