{# Tells in the field `pressed` what was pressed, and sends a score that is: `by` the field, `line` the live region, `last` the
   last key or `pointer`, `turn` the newest sending. Short, because it travels with each page. A checked radio hears no click
   when Space is pressed on it (Chromium), and arrows click the radio they move to. -#}
(()=>{let d=document,form=d.forms[0],by=form.querySelector("[name=pressed]"),line=form.querySelector(".said"),driven=navigator.webdriver?" driven":"",last="",again="",turn=0,
hear=(type,f)=>d.addEventListener(type,f,!0),
send=async()=>{let n=++turn,r,say=k=>{if(n==turn)line.textContent=k&&line.dataset[k]};say("");
try{r=await fetch(form.getAttribute("action"),{method:"POST",body:new URLSearchParams(new FormData(form)),keepalive:!0})}catch{return say("failed")}
if(r.ok){again=" again";by.value+=again;say("saved")}else if(r.status==422||n!=turn)say("failed");else HTMLFormElement.prototype.submit.call(form)},
press=(e,how)=>{last="";by.value=how+(e.isTrusted?"":" untrusted")+driven+again;if(line&&e.target.type=="radio")send()};
by.value="none"+driven;
hear("pointerdown",()=>last="pointer");hear("keydown",e=>last=e.key);
hear("keyup",e=>{let on=e.target;if(e.key!=" ")last="";else if(on.type=="radio"&&on.checked)setTimeout(()=>last==" "&&press(e,"keyboard"))});
hear("click",e=>{let on=e.target;if(on.type=="radio"?!last.startsWith("Arrow"):on.closest("form button"))press(e,e.pointerType||last=="pointer"?"pointer":last?"keyboard":"assisted")})})()
