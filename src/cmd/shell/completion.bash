# Completion of webex-connect for bash: the program knows what can come next.
_webex_connect() {
    local words=() joined='' typed=${2//\\/} at piece candidate
    # readline breaks words at ":" and "=". Scopes have colons, so what stood together is joined again.
    for ((at = 0; at <= COMP_CWORD; at++)); do
        piece=${COMP_WORDS[at]//\\/}
        if ((at == COMP_CWORD)); then
            # Up to the cursor, and without the quote it began with.
            piece=${piece#[\"\']}
            [[ $piece == *"$typed" ]] || piece=$typed
        fi
        if ((at > 1)) && [[ $joined || $piece =~ ^[:=]+$ ]]; then
            words[${#words[@]} - 1]+=$piece
        else
            words+=("$piece")
        fi
        joined=''
        [[ $piece =~ ^[:=]+$ ]] && joined=yes
    done
    at=$((${#words[@]} - 1))
    # readline replaces what was typed since it broke the word; what stands before is there already.
    local current=${words[at]}
    local there=${current%"$typed"}
    COMPREPLY=()
    while IFS=$'\t' read -r candidate _; do
        [[ $candidate == "$there"* ]] && COMPREPLY+=("${candidate#"$there"}")
        # A path: readline quotes it, and goes on in a directory.
        [[ $candidate == *[/[:space:]]* ]] && compopt -o filenames 2>/dev/null
    done < <(command webex-connect __complete --current="$current" "${words[@]:0:at}" 2>/dev/null </dev/null)
}
complete -o nosort -F _webex_connect webex-connect 2>/dev/null || complete -F _webex_connect webex-connect
