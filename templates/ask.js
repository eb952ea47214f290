(()=>{const form=document.forms[0],by=document.querySelector("[name=pressed]"),line=document.querySelector(".said"),
driven=navigator.webdriver?" driven":"";let last="",again="",turn=0;
by.value="none"+driven;
const send=async()=>{const mine=++turn,say=text=>{if(mine==turn)line.textContent=text};say("");let reply;
try{reply=await fetch(form.getAttribute("action"),{method:"POST",body:new URLSearchParams(new FormData(form)),keepalive:true})}
catch{return say(line.dataset.failed)}
if(reply.ok){again=" again";by.value+=again;return say(line.dataset.saved)}
if(reply.status==422||mine!=turn)return say(line.dataset.failed);
HTMLFormElement.prototype.submit.call(form)};
const pressed=(on,event,kind)=>{last="";by.value=kind+(event.isTrusted?"":" untrusted")+driven+again;
if(on.type=="radio"&&"press"in form.dataset)send()};
addEventListener("pointerdown",()=>{last="pointer"},true);
addEventListener("keydown",event=>{last=event.key},true);
addEventListener("keyup",event=>{const on=event.target;
if(event.key==" "&&on.type=="radio"&&on.checked)setTimeout(()=>{if(last==" ")pressed(on,event,"keyboard")});
else if(event.key!=" ")last=""},true);
form.addEventListener("click",event=>{const on=event.target;
if(on.type!="radio"?!on.closest("button"):last.startsWith("Arrow"))return;
pressed(on,event,event.pointerType||last=="pointer"?"pointer":last?"keyboard":"assisted")})})();
