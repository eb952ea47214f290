(()=>{const d=document,form=d.forms[0],by=d.querySelector("[name=pressed]"),line=d.querySelector(".said"),
driven=navigator.webdriver?" driven":"";let last="",again="",turn=0;
by.value="none"+driven;
const send=async()=>{const mine=++turn,say=text=>{if(mine==turn)line.textContent=text};say("");let reply;
try{reply=await fetch(form.getAttribute("action"),{method:"POST",body:new URLSearchParams(new FormData(form)),keepalive:true})}
catch{return say(line.dataset.failed)}
if(reply.ok){again=" again";by.value+=again;say(line.dataset.saved)}
else if(reply.status==422||mine!=turn)say(line.dataset.failed);
else HTMLFormElement.prototype.submit.call(form)},
pressed=(on,event,kind)=>{last="";by.value=kind+(event.isTrusted?"":" untrusted")+driven+again;
if(line&&on.type=="radio")send()},
hear=(type,does)=>d.addEventListener(type,does,true);
hear("pointerdown",()=>{last="pointer"});
hear("keydown",event=>{last=event.key});
hear("keyup",event=>{const on=event.target;
if(event.key!=" ")last="";
else if(on.type=="radio"&&on.checked)setTimeout(()=>{if(last==" ")pressed(on,event,"keyboard")})});
hear("click",event=>{const on=event.target;
if(on.type=="radio"?!last.startsWith("Arrow"):on.closest("form button"))
pressed(on,event,event.pointerType||last=="pointer"?"pointer":last?"keyboard":"assisted")})})();
