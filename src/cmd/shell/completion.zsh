#compdef webex-connect
# Completion of webex-connect for zsh: the program knows what can come next.
_webex-connect() {
    local line value help
    local -a candidates directories
    for line in "${(@f)$(command webex-connect __complete --current="${(Q)PREFIX}" \
        "${(@Q)words[1,CURRENT-1]}" 2>/dev/null </dev/null)}"; do
        value=${line%%$'\t'*}
        help=${${line#"$value"}#$'\t'}
        [[ -n $value ]] || continue
        # _describe parts value and help at the first colon that is not quoted.
        value=${${value//\\/\\\\}//:/\\:}${help:+:$help}
        if [[ $value == */ ]]; then
            directories+=("$value")
        else
            candidates+=("$value")
        fi
    done
    [[ -n $directories ]] && _describe -V webex-connect directories -S ''
    [[ -n $candidates ]] && _describe -V webex-connect candidates
}
if [[ $funcstack[1] == _webex-connect ]]; then
    _webex-connect "$@"
else
    compdef _webex-connect webex-connect
fi
