# Completion of webex-connect for elvish: the program knows what can come next.
use str
set edit:completion:arg-completer[webex-connect] = {|@words|
  var before = $words[..-1]
  try {
    e:webex-connect __complete --current=$words[-1] $@before < /dev/null 2> /dev/null | from-lines | each {|line|
      var value @help = (str:split "\t" $line)
      # In a directory the word goes on.
      var suffix = (if (str:has-suffix $value /) { put '' } else { put ' ' })
      edit:complex-candidate $value &code-suffix=$suffix &display=(str:join '  ' [$value $@help])
    }
  } catch _ { }
}
